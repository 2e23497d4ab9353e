import { join } from "node:path";
import { run } from "../cli/commands.ts";
import { TemporaryFolder } from "../temporary.ts";

const SOURCES = join(import.meta.dirname!, "guests/preview1");

/** A program of `guests/preview1`, which runs the case that its first argument names. */
export interface CProgram {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly cases: readonly string[];
}

/** Compiles a program; this takes about 0.3 s. */
export async function cProgram(name: string): Promise<CProgram> {
  using folder = new TemporaryFolder();
  const source = join(SOURCES, `${name}.c`);
  const output = join(folder.path, `${name}.wasm`);
  const flags = ["--target=wasm32-wasi", "--sysroot=/usr", "-O1", "-Wall", "-Werror"];
  // Without the compiler's own library, which is another package, and which these programs do not need.
  const libraries = ["-nodefaultlibs", "-lc"];
  await run("clang", [...flags, "-Wno-unused-function", ...libraries, "-o", output, source]);
  const cases = [...Deno.readTextFileSync(source).matchAll(/^ {4}\{"(.*)", \w+\},$/gm)];
  return { bytes: Deno.readFileSync(output), cases: cases.map(([, name]) => name!) };
}
