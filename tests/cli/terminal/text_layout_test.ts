import assert from "node:assert/strict";
import fc from "fast-check";
import { agoText, enumerate, localTime, table } from "../../../src/cli/terminal/text_layout.ts";

Deno.test("table makes columns as wide as their widest cell, two spaces apart, without trailing spaces", () => {
  assert.equal(
    table(["NAME", "SIZE", "NOTE"], [["a", "1.00 KiB", "x"], ["longer", "5 B", ""]]),
    "NAME    SIZE      NOTE\na       1.00 KiB  x\nlonger  5 B\n",
  );
});

Deno.test("table replaces control characters in cells", () => {
  assert.equal(table(["A", "B"], [["x\x1b[31m", "y\nz"]]), "A       B\nx [31m  y z\n");
});

Deno.test("table takes 200,000 rows", () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [String(i)]);
  assert.equal(table(["N"], rows).split("\n").length, 200_002);
});

Deno.test("table shortens one column in the middle to fit the terminal, down to 16 characters", () => {
  const rows = [["ghcr.io/organisation/app:v1", "1 B"], ["nginx", "2 B"]];
  const lines = (width?: number) =>
    table(["NAME", "SIZE"], rows, { shrink: 0, width }).trimEnd().split("\n").slice(1);
  assert.deepEqual(lines(40), [
    "ghcr.io/organisation/app:v1  1 B",
    "nginx                        2 B",
  ]);
  assert.deepEqual(lines(28), ["ghcr.io/or…tion/app:v1  1 B", "nginx                   2 B"]);
  assert.deepEqual(lines(10), ["ghcr.io…n/app:v1  1 B", "nginx             2 B"]);
});

Deno.test("table gives styles to cells, and none to the space between them", () => {
  const text = table(["A", "BB"], [["x", "yes"]], {
    style: (column, row) => column === 1 && row === 0 ? "red" : undefined,
    paint: (text, style) => style === undefined ? text : `<${style}>${text}</>`,
  });
  assert.equal(text, "<bold>A</>  <bold>BB</>\nx  <red>yes</>\n");
});

Deno.test("agoText has one unit", () => {
  const ages = [0, 59_000, 3 * 3_600_000 + 5, 40 * 86_400_000 + 7_200_000];
  assert.deepEqual(ages.map(agoText), ["0s ago", "59s ago", "3h ago", "40d ago"]);
});

Deno.test("table without rows is its head", () => {
  assert.equal(table(["A", "B"], []), "A  B\n");
});

Deno.test("table starts every cell of a column at the same offset", () => {
  const cell = fc.stringMatching(/^[a-z]{0,8}$/);
  const row = fc.tuple(cell, cell, fc.stringMatching(/^[a-z]{1,8}$/));
  fc.assert(fc.property(fc.array(row, { maxLength: 6 }), (rows) => {
    const lines = table(["ONE", "TWO", "THREE"], rows).trimEnd().split("\n");
    const [second, third] = [lines[0]!.indexOf("TWO"), lines[0]!.indexOf("THREE")];
    rows.forEach((cells, i) => {
      const line = lines[i + 1]!;
      assert.equal(line.slice(0, second).trimEnd(), cells[0]);
      assert.equal(line.slice(second, third).trimEnd(), cells[1]);
      assert.equal(line.slice(third), cells[2]);
    });
  }));
});

Deno.test("localTime formats a time in the user's time zone", () => {
  assert.equal(localTime(new Date(2026, 0, 3, 4, 5, 6).getTime()), "2026-01-03 04:05:06");
  assert.equal(localTime(new Date(2026, 11, 31, 23, 59, 59).getTime()), "2026-12-31 23:59:59");
});

Deno.test("enumerate joins with commas, and the last with and", () => {
  assert.deepEqual(
    [[], ["a"], ["a", "b"], ["a", "b", "c"]].map(enumerate),
    ["", "a", "a and b", "a, b and c"],
  );
});
