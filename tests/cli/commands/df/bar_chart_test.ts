import assert from "node:assert/strict";
import fc from "fast-check";
import { barChart } from "../../../../src/cli/commands/df/bar_chart.ts";

Deno.test("barChart fills the line with the longest bar and scales the others", () => {
  const chart = barChart([
    { name: "ghcr.io", bytes: 1024 },
    { name: "quay.io", bytes: 512 },
    { name: "none", bytes: 0 },
  ], 40);
  assert.equal(
    chart,
    `ghcr.io  1.00 KiB  ${"█".repeat(21)}\nquay.io     512 B  ${
      "█".repeat(10)
    }▌\nnone          0 B\n`,
  );
});

Deno.test("barChart draws a visible bar for any size above 0", () => {
  const chart = barChart([{ name: "a", bytes: 1e12 }, { name: "b", bytes: 1 }], 40);
  assert.ok(chart.split("\n")[1]!.endsWith("▏"), chart);
});

Deno.test("barChart cuts the middle out of a name that is too long", () => {
  const chart = barChart([{ name: `ghcr.io/${"x".repeat(90)}/app`, bytes: 5 }], 60);
  const [line] = chart.split("\n");
  assert.match(line!, /^ghcr\.io\/x+…x+\/app {2}5 B {2}█+$/);
  assert.equal(line!.length, 60);
});

Deno.test("barChart keeps every line within the width", () => {
  const bar = fc.record({ name: fc.stringMatching(/^[a-z/]{1,80}$/), bytes: fc.nat() });
  const width = fc.integer({ min: 50, max: 200 });
  fc.assert(fc.property(fc.array(bar, { minLength: 1, maxLength: 9 }), width, (bars, width) => {
    const lines = barChart(bars, width).trimEnd().split("\n");
    assert.equal(lines.length, bars.length);
    for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}`);
  }));
});
