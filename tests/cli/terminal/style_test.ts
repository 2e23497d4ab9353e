import assert from "node:assert/strict";
import { hasStyles } from "../../../src/cli/terminal/style.ts";

/** The environment, whether there is a terminal, and whether text has styles. */
const CASES: [env: Record<string, string>, isTerminal: boolean, expected: boolean][] = [
  [{}, true, true],
  [{}, false, false],
  [{ TERM: "xterm-256color" }, true, true],
  [{ TERM: "dumb" }, true, false],
  [{ NO_COLOR: "1" }, true, false],
  [{ NO_COLOR: "" }, true, true],
  [{ CLICOLOR: "0" }, true, false],
  [{ CLICOLOR: "1" }, false, false],
  [{ CLICOLOR_FORCE: "1" }, false, true],
  [{ CLICOLOR_FORCE: "1", TERM: "dumb" }, false, true],
  [{ CLICOLOR_FORCE: "0" }, false, false],
  [{ CLICOLOR_FORCE: "1", NO_COLOR: "1" }, true, false],
];

for (const [env, isTerminal, expected] of CASES) {
  const where = isTerminal ? "a terminal" : "a pipe";
  Deno.test(`text on ${where} with ${JSON.stringify(env)} has ${expected ? "" : "no "}styles`, () => {
    assert.equal(hasStyles((name) => env[name], isTerminal), expected);
  });
}
