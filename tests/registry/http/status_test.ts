import assert from "node:assert/strict";
import { parseRetryAfter } from "../../../src/registry/http/status.ts";

const NOW = Date.UTC(2026, 0, 31, 12);

/** `Retry-After`, and the milliseconds that it asks to wait. */
const AFTER: [string, number | undefined][] = [
  ["2", 2000],
  [" 2 ", 2000],
  ["0", 0],
  ["3600", 3_600_000],
  ["Sat, 31 Jan 2026 12:00:05 GMT", 5000],
  ["Sat, 31 Jan 2026 11:00:00 GMT", 0],
  ["Sat, 31 Jan 2026 13:00:00 GMT", 3_600_000],
  ["", undefined],
  ["soon", undefined],
  ["-5", undefined],
  ["1.5", undefined],
  ["2 s", undefined],
  ["tomorrow 5", undefined],
];

for (const [header, milliseconds] of AFTER) {
  Deno.test(`parseRetryAfter returns ${milliseconds} for "${header}"`, () => {
    assert.equal(parseRetryAfter(header, NOW), milliseconds);
  });
}
