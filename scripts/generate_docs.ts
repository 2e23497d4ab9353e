// deno-lint-ignore-file no-console
/**
 * Writes docs/cli.md and docs/man/larder.1 from the command tree; with --check fails if one is out of date.
 *
 *   deno run -A scripts/generate_docs.ts [--check]
 */
import { dirname, join } from "node:path";
import { buildProgram } from "../src/cli/command_tree.ts";
import { commandLinePage } from "./docs/cli_page.ts";
import { manPage } from "./docs/man_page.ts";

const ROOT = join(import.meta.dirname!, "..");

/** Returns the generated pages by their paths. */
async function pages(): Promise<Record<string, string>> {
  return {
    "docs/cli.md": await formatted(commandLinePage(buildProgram())),
    "docs/man/larder.1": manPage(buildProgram()),
  };
}

async function formatted(markdown: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext", "md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  const { code, stdout } = await child.output();
  if (code !== 0) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}

function readIfAny(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(await pages())) {
    const path = join(ROOT, name);
    if (!Deno.args.includes("--check")) {
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeTextFileSync(path, text);
    } else if (readIfAny(path) !== text) {
      console.error(`${name} is out of date: run deno run -A scripts/generate_docs.ts`);
      Deno.exitCode = 1;
    }
  }
}
