import { join } from "node:path";
import { run } from "../../tests/support/cli/commands.ts";

const ROOT = join(import.meta.dirname!, "../..");

/** The binary that `LARDER_BIN` names, or one built from the working tree into `folder`. */
export async function larderBinary(folder: string): Promise<string> {
  const given = Deno.env.get("LARDER_BIN");
  if (given) return given;
  const script = join(ROOT, "scripts/compile.ts");
  await run(Deno.execPath(), ["run", "--allow-all", script, "--output", folder]);
  return join(folder, `larder-${Deno.build.target}`);
}

/** A program that does nothing, compiled as larder is: what every program in Deno takes to start. */
export async function emptyProgram(folder: string): Promise<string> {
  const compiler = Deno.env.get("COMPILE_DENO") || Deno.execPath();
  const source = join(folder, "empty.js");
  Deno.writeTextFileSync(source, "\n");
  const path = join(folder, "empty");
  await run(compiler, ["compile", "--quiet", "--no-config", "--output", path, source]);
  return path;
}
