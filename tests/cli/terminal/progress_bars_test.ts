import assert from "node:assert/strict";
import { PullBars } from "../../../src/cli/terminal/progress_bars.ts";
import { LiveLines } from "../../../src/cli/terminal/live_lines.ts";
import { writeErr } from "../../../src/cli/terminal/console.ts";
import type { Descriptor } from "../../../src/oci/descriptor.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf, utf8 } from "../../support/cache/artifacts.ts";
import { captured } from "../../support/cli/in_process.ts";

const LAYERS = Array.from({ length: 20 }, (_, i): Descriptor => ({
  mediaType: "application/octet-stream",
  digest: digestOf(utf8(`layer ${i}`)) as Digest,
  size: 1000,
}));

/** Bars of which all layers have begun. */
function bars(): PullBars {
  const bars = new PullBars(LAYERS, () => 0);
  for (const layer of LAYERS) bars.started(layer, 500);
  return bars;
}

/** Rows of the window, and the lines of the bars. */
const WINDOWS: [rows: number, lines: number][] = [[1, 1], [5, 1], [7, 1], [8, 2], [24, 7], [
  200,
  21,
]];

for (const [rows, count] of WINDOWS) {
  Deno.test(`PullBars has ${count} lines in a window of ${rows} rows, the total first`, async () => {
    const { value: lines } = await captured(() => {
      const shown = bars();
      const lines = shown.lines({ rows, columns: 80 });
      shown.end();
      return lines;
    });
    assert.equal(lines.length, count);
    assert.match(lines[0]!, /^total {8}█+░+ {2}50% 9\.77 KiB of 19\.53 KiB$/);
    for (const line of lines.slice(1)) {
      assert.match(line, /^[0-9a-f]{12} █{5}░{5} {2}50% of 1000 B$/);
    }
  });
}

Deno.test("LiveLines leaves the cursor at its first line, and messages erase it", async () => {
  const { stderr } = await captured(() => {
    const live = new LiveLines(() => ["one", "two", "three"]);
    live.changed();
    writeErr("a message\n");
    live.end();
  });
  const drawn = "\rone\x1b[K\ntwo\x1b[K\nthree\x1b[J\x1b[2A\r";
  assert.equal(stderr, `${drawn}\r\x1b[K\n\x1b[J\x1b[Aa message\n`);
});
