import { join } from "node:path";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { run } from "../../tests/support/cli/commands.ts";

const ROOT = join(import.meta.dirname!, "../..");

/** The binary that `LARDER_BIN` names, or one built from the working tree into `folder`. */
export async function larderBinary(folder: string): Promise<string> {
  const given = Deno.env.get("LARDER_BIN");
  if (given) return given;
  const script = join(ROOT, "scripts/compile.ts");
  await run(Deno.execPath(), ["run", "--allow-all", script, "--output", folder], {
    env: childEnvironment(compilerVariables(), { downloads: true }),
  });
  return join(folder, `larder-${Deno.build.target}`);
}

/** A program that does nothing, compiled as larder is: what every program in Deno takes to start. */
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

/** What scripts/compile.ts and Deno are told by the variables of whoever starts a bench. */
function compilerVariables(): Record<string, string> {
  const { COMPILE_DENO = "", DENORT_BIN } = Deno.env.toObject();
  return DENORT_BIN ? { COMPILE_DENO, DENORT_BIN } : { COMPILE_DENO };
}
