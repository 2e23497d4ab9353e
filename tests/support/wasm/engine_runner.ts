// deno-lint-ignore-file no-console
/** Runs a program as larder runs an engine: `engine_runner.ts PROGRAM ARGS…`. */
import { runEngine } from "../../../src/run/external/process.ts";

const [path, ...args] = Deno.args;
const engine = { name: "spin", path: path! } as const;
Deno.exitCode = await runEngine(engine, { args, env: { GIVEN: "to the engine" } });
console.log("the engine has ended");
