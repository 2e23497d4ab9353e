// deno-lint-ignore-file no-console
/**
 * Writes docs/cli.md from the command tree; with --check only says whether it is up to date.
 *
 *   deno run -A scripts/generate_docs.ts [--check]
 */
import { join } from "node:path";
import { buildProgram } from "../src/cli/command_tree.ts";
import { commandLinePage } from "./docs/cli_page.ts";

const ROOT = join(import.meta.dirname!, "..");
const PAGE = "docs/cli.md";

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

function present(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const path = join(ROOT, PAGE);
  const page = await formatted(commandLinePage(buildProgram()));
  if (!Deno.args.includes("--check")) {
    Deno.writeTextFileSync(path, page);
  } else if (present(path) !== page) {
    console.error(`${PAGE} is out of date: run deno run -A scripts/generate_docs.ts`);
    Deno.exit(1);
  }
}
