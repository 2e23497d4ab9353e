import assert from "node:assert/strict";
import fc from "fast-check";
import { barLine } from "../../../src/cli/terminal/bar_line.ts";

const CONTENT = {
  name: "total",
  share: 0.5,
  amount: "10.00 MiB of 20.00 MiB",
  details: ["1.00 MiB/s", "10s left"],
};

/** Columns, and the line. */
const CASES: [columns: number, line: string][] = [
  [
    100,
    `total ${"█".repeat(15)}${"░".repeat(15)}  50% 10.00 MiB of 20.00 MiB, 1.00 MiB/s, 10s left`,
  ],
  [64, "total ████░░░  50% 10.00 MiB of 20.00 MiB, 1.00 MiB/s, 10s left"],
  [60, "total ███████░░░░░░  50% 10.00 MiB of 20.00 MiB, 1.00 MiB/s"],
  [50, "total ████████░░░░░░░  50% 10.00 MiB of 20.00 MiB"],
  [40, "total  50% 10.00 MiB of 20.00 MiB"],
  [20, "total  50% 10.00 Mi"],
  [1, ""],
];

for (const [columns, line] of CASES) {
  Deno.test(`barLine fits ${columns} columns`, () => assert.equal(barLine(CONTENT, columns), line));
}

Deno.test("barLine never has as many characters as the window has columns", () => {
  const share = fc.double({ min: -1, max: 2, noNaN: true });
  fc.assert(fc.property(share, fc.integer({ min: 1, max: 300 }), (share, columns) => {
    assert.ok(barLine({ ...CONTENT, share }, columns).length < columns);
  }));
});
