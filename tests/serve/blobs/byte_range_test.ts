import assert from "node:assert/strict";
import { parseRange } from "../../../src/serve/blobs/byte_range.ts";

const CASES: readonly [header: string | null, range: [number, number] | string | undefined][] = [
  [null, undefined],
  ["bytes=0-0", [0, 1]],
  ["bytes=10-19", [10, 20]],
  ["bytes=90-", [90, 100]],
  ["bytes=90-5000", [90, 100]],
  ["bytes=-10", [90, 100]],
  ["bytes=-500", [0, 100]],
  ["BYTES=1-2", [1, 3]],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=50-0", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=0-1,5-6", undefined],
  ["lines=0-1", undefined],
  ["bytes=-", undefined],
  ["bytes=a-b", undefined],
];

Deno.test("parseRange reads one range of 100 bytes, and ignores what it does not know", async (t) => {
  for (const [header, expected] of CASES) {
    await t.step(String(header), () => {
      const range = parseRange(header, 100);
      assert.deepEqual(typeof range === "object" ? [range.start, range.end] : range, expected);
    });
  }
});

Deno.test("parseRange finds no range of an empty blob", () => {
  assert.equal(parseRange("bytes=0-", 0), "unsatisfiable");
  assert.equal(parseRange(null, 0), undefined);
});
