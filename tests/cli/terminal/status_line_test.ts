import assert from "node:assert/strict";
import { writeErr, writeOut } from "../../../src/cli/terminal/console.ts";
import { StatusLine } from "../../../src/cli/terminal/status_line.ts";
import { captured } from "../../support/cli/in_process.ts";

const ERASE = "\r\x1b[J";

/** Returns what drawing a text in the last line writes; the cursor returns to its start. */
const drawn = (text: string) => `\r${text}\x1b[J\r`;

Deno.test("StatusLine shows nothing of work that takes less than 0.7 s", async () => {
  const { stderr } = await captured(() => {
    let now = 0;
    using line = new StatusLine(true, () => now);
    for (; now < 700; now += 50) line.update(() => "reading");
  });
  assert.equal(stderr, "");
});

Deno.test("StatusLine is updated at most every 100 ms, and erased at the end", async () => {
  const { stderr } = await captured(() => {
    let now = 0;
    using line = new StatusLine(true, () => now);
    for (; now < 1000; now += 30) line.update(() => `${now}`);
  });
  assert.equal(stderr, `${drawn("720")}${drawn("840")}${drawn("960")}${ERASE}`);
});

Deno.test("StatusLine is erased before other output, and not twice", async () => {
  const { stdout, stderr } = await captured(() => {
    let now = 0;
    using line = new StatusLine(true, () => now);
    now = 1000;
    line.update(() => "reading");
    writeErr("warning: one\n");
    writeOut("data\n");
  });
  assert.equal(stderr, `${drawn("reading")}${ERASE}warning: one\n`);
  assert.equal(stdout, "data\n");
});

Deno.test("StatusLine shows nothing where progress is not shown", async () => {
  const { stderr } = await captured(() => {
    let now = 0;
    using line = new StatusLine(false, () => now);
    now = 10_000;
    line.update(() => "reading");
  });
  assert.equal(stderr, "");
});
