import { join } from "node:path";
import { run } from "../../tests/support/cli/commands.ts";
import { childEnvironment } from "../../tests/support/cli/environment.ts";

const ROOT = join(import.meta.dirname!, "../..");

/** Returns the path of the binary: `LARDER_BIN`, or one built from the working tree into `folder`. */
export async function larderBinary(folder: string): Promise<string> {
  const given = Deno.env.get("LARDER_BIN");
  if (given) return given;
  const script = join(ROOT, "scripts/compile.ts");
  await run(Deno.execPath(), ["run", "--allow-all", script, "--output", folder], {
    env: childEnvironment(compilerVariables(), { downloads: true }),
  });
  return join(folder, `larder-${Deno.build.target}`);
}

/** Returns the path of an empty program compiled by the same compiler, to measure the start of Deno itself. */
export async function emptyProgram(folder: string): Promise<string> {
  const compiler = Deno.env.get("COMPILE_DENO") || Deno.execPath();
  const source = join(folder, "empty.js");
  Deno.writeTextFileSync(source, "\n");
  const path = join(folder, "empty");
  await run(compiler, ["compile", "--quiet", "--no-config", "--output", path, source], {
    env: childEnvironment(compilerVariables(), { downloads: true }),
  });
  return path;
}

/** Returns the user's variables for scripts/compile.ts and `deno compile`. */
function compilerVariables(): Record<string, string> {
  const { COMPILE_DENO = "", DENORT_BIN } = Deno.env.toObject();
  return DENORT_BIN ? { COMPILE_DENO, DENORT_BIN } : { COMPILE_DENO };
}
