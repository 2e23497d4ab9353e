import assert from "node:assert/strict";
import { backtraceLines } from "../../../../src/cli/commands/run/backtrace.ts";

const FRAMES = [
  { name: "_ZN4core9panicking5panic17h0123456789abcdefE", index: 9, offset: "0x279" },
  { name: undefined, index: 8, offset: "0x10" },
];

Deno.test("backtraceLines has names, and the index of a function without one", () => {
  assert.deepEqual(backtraceLines(FRAMES), ["   0: core::panicking::panic", "   1: function 8"]);
});

Deno.test("backtraceLines has indices and offsets if verbose", () => {
  assert.deepEqual(backtraceLines(FRAMES, true), [
    "   0: core::panicking::panic (function 9 at 0x279)",
    "   1: function 8 at 0x10",
  ]);
});
