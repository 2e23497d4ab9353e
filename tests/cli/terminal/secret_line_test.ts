import assert from "node:assert/strict";
import { type LineEnd, SecretLine } from "../../../src/cli/terminal/secret_line.ts";

/** Keys, the line that they type, and how it ends. */
const CASES: [keys: string, text: string, end: LineEnd | undefined][] = [
  ["pass", "pass", undefined],
  ["pass\r", "pass", "enter"],
  ["pass\n", "pass", "enter"],
  ["päss wörd\r", "päss wörd", "enter"],
  ["one\rtwo\r", "one", "enter"],
  ["sexx\x7f\x08cret\r", "secret", "enter"],
  ["\x7f\x7fa😀\x7fb\r", "ab", "enter"],
  ["wrong\x15right\r", "right", "enter"],
  ["se\x1b[D\x1b[1;5C\x1bOP\x1b[3~cret\r", "secret", "enter"],
  ["tab\there\r", "tabhere", "enter"],
  ["\x04", "", "end of input"],
  ["\x00", "", "end of input"],
  ["x\x7f\x04", "", "end of input"],
  ["pass\x04word\r", "password", "enter"],
  ["pass\x03", "pass", "interrupt"],
  ["\r", "", "enter"],
];

for (const [keys, text, end] of CASES) {
  Deno.test(`SecretLine reads ${JSON.stringify(keys)}`, () => {
    const [whole, single] = [new SecretLine(), new SecretLine()];
    whole.type(keys);
    // Escape sequences arrive in one piece, everything else may be typed key by key.
    if (keys.includes("\x1b")) single.type(keys);
    else for (const key of keys) single.type(key);
    for (const line of [whole, single]) assert.deepEqual([line.text, line.end], [text, end]);
  });
}
