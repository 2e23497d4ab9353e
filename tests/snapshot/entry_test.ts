import assert from "node:assert/strict";
import { entryTimes } from "../../src/snapshot/entry.ts";
import { DAY, HOUR } from "../support/cache/test_cache.ts";

const NOW = Date.UTC(2026, 0, 31, 12);
const AGO = NOW - 10 * DAY;
const LATER = NOW + 400 * DAY;
const SKEWED = NOW + 60_000;

/** Times of a file and of the record, and what the last use and the creation are taken for. */
const TIMES: readonly {
  readonly title: string;
  readonly file?: readonly [modified: number, changed: number | undefined, created: number];
  readonly written: readonly number[];
  readonly used: number;
  readonly created: number;
}[] = [
  {
    title: "all in the past",
    file: [AGO, NOW, AGO],
    written: [AGO - DAY],
    used: AGO,
    created: AGO - DAY,
  },
  {
    title: "a restored backup",
    file: [AGO, NOW, NOW],
    written: [AGO - DAY],
    used: AGO,
    created: AGO - DAY,
  },
  {
    title: "an mtime in the future",
    file: [LATER, AGO, AGO - DAY],
    written: [AGO - DAY],
    used: AGO,
    created: AGO - DAY,
  },
  { title: "no ctime", file: [LATER, undefined, LATER], written: [AGO], used: AGO, created: AGO },
  {
    title: "only pulledAt in the past",
    file: [LATER, LATER, LATER],
    written: [AGO],
    used: AGO,
    created: AGO,
  },
  {
    title: "a pulledAt in the future",
    file: [AGO, AGO, AGO - HOUR],
    written: [LATER],
    used: AGO,
    created: AGO - HOUR,
  },
  {
    title: "all in the future",
    file: [LATER, LATER, LATER],
    written: [LATER],
    used: NOW,
    created: NOW,
  },
  {
    title: "another machine's clock",
    file: [SKEWED, SKEWED, AGO],
    written: [AGO],
    used: NOW,
    created: AGO,
  },
  {
    title: "a use before the creation",
    file: [AGO, AGO, NOW],
    written: [NOW],
    used: AGO,
    created: AGO,
  },
  { title: "no file", written: [], used: NOW, created: NOW },
];

for (const { title, file, written, used, created } of TIMES) {
  Deno.test(`entryTimes of ${title}`, () => {
    const times = file &&
      { size: 1, modified: file[0], changed: file[1], created: file[2] };
    const { lastUsed, createdAt, stamp } = entryTimes(times, written, NOW);
    assert.deepEqual([lastUsed, createdAt, stamp], [used, created, file?.[0] ?? 0]);
  });
}
