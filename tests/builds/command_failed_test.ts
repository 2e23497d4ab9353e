import assert from "node:assert/strict";
import { join } from "node:path";
import { commandFailed } from "../../src/builds/command_failed.ts";
import { parseSpec } from "../../src/builds/spec_file.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const OWN_OUTPUT = "its output says why; nothing was stored";
const OVERLOOKED = "name make.sh as an input: the command finds only inputs in its folder";

/** The command, its exit code, the inputs, and the hint. */
const CASES: [run: string[], code: number, inputs: string[], hint: string][] = [
  [["sh", "make.sh"], 2, [], OVERLOOKED],
  [["./make.sh"], 127, [], OVERLOOKED],
  [["sh", "-c", "cd . && (./make.sh>log)"], 127, [], OVERLOOKED],
  [["sh", "make.sh"], 1, ["make.sh"], OWN_OUTPUT],
  [["sh", "-c", "cat out.img"], 1, ["make.sh"], OWN_OUTPUT],
  [["sh", "-c", `${"x".repeat(5000)} make.sh/a ../make.sh`], 1, [], OWN_OUTPUT],
  [
    ["sh", "make.sh"],
    137,
    ["make.sh"],
    "137 is the end by SIGKILL, most often for lack of memory; nothing was stored",
  ],
  [["./make.sh"], 126, ["make.sh"], "make make.sh executable: chmod +x make.sh"],
  [
    ["nosuch"],
    127,
    [],
    "name the program that was not found as an input, or install it in a folder of PATH",
  ],
];

for (const [run, code, inputs, hint] of CASES) {
  const shown = JSON.stringify(run).slice(0, 50);
  Deno.test(`commandFailed hints at what ${shown} lacks after ${code} with ${inputs.length} inputs`, () => {
    using folder = new TemporaryFolder();
    for (const name of ["make.sh", "out.img"]) Deno.writeTextFileSync(join(folder.path, name), "");
    const text = JSON.stringify({ name: "image", run, output: "out.img" });
    const spec = parseSpec(text, join(folder.path, "image.yaml"));
    const error = commandFailed(spec, { code, signal: undefined, duration: 1 }, inputs);
    assert.equal(error.message, `the command of image failed with exit code ${code}`);
    assert.equal(error.hint, hint);
  });
}
