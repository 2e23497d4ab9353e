import { join } from "node:path";
import { findProgram, run } from "../cli/commands.ts";
import { childEnvironment } from "../cli/environment.ts";
import { TemporaryFolder } from "../temporary.ts";
import { describedModule } from "./components.ts";

const SOURCE = join(import.meta.dirname!, "guests/go");
const WORLD = `import wasi:http/types@0.2.3;
import wasi:io/streams@0.2.3;
export wasi:http/incoming-handler@0.2.3;`;

/** The program that builds it; undefined if Go is not installed. */
export const GO = findProgram("go");

/** Builds `guests/go`, a core module without a `_start` function, which describes its interfaces. */
export async function goHandler(): Promise<Uint8Array<ArrayBuffer>> {
  using folder = new TemporaryFolder();
  const output = join(folder.path, "handler.wasm");
  const env = { GOOS: "wasip1", GOARCH: "wasm", GOTOOLCHAIN: "local", GOPROXY: "off" };
  const args = ["build", "-C", SOURCE, "-buildmode=c-shared", "-ldflags=-s -w", "-o", output, "."];
  await run(GO!, args, { env: childEnvironment(env) });
  return await describedModule(Deno.readFileSync(output), WORLD);
}
