import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import {
  formatBytes,
  formatDuration,
  formatLimit,
  parseBytes,
  parseDuration,
  parseSpace,
  plural,
} from "../../src/base/units.ts";

const KIB = 1024;
const MIB = KIB ** 2;
const GIB = KIB ** 3;
const TIB = KIB ** 4;
const PIB = KIB ** 5;

const BYTES: [number, string][] = [
  [0, "0 B"],
  [1, "1 B"],
  [512, "512 B"],
  [1023, "1023 B"],
  [1024, "1.00 KiB"],
  [1536, "1.50 KiB"],
  [29_538_254, "28.17 MiB"],
  [MIB - 6, "1023.99 KiB"],
  [MIB - 5, "1.00 MiB"],
  [MIB - 1, "1.00 MiB"],
  [MIB, "1.00 MiB"],
  [GIB, "1.00 GiB"],
  [1.25 * TIB, "1.25 TiB"],
  [PIB, "1.00 PiB"],
  [5000 * PIB, "5000.00 PiB"],
];

for (const [bytes, text] of BYTES) {
  Deno.test(`formatBytes(${bytes}) is "${text}"`, () => assert.equal(formatBytes(bytes), text));
}

const LIMITS = ["0 B", "512 B", "1 kB", "3 MB", "8 MB", "1024 MB", "1.25 GB", "33.3 GB", "20 GB"];
for (const text of [...LIMITS, "1.5 TB", "4.35 TB", "1 KiB", "7.5 GiB", "1536 MB"]) {
  Deno.test(`formatLimit writes ${text} as the user did`, () => {
    assert.equal(formatLimit(parseBytes(text)), text);
  });
}

Deno.test("formatLimit writes a size that no user wrote as formatBytes does", () => {
  for (const bytes of [1001, 1_234_567, 264_212_084 * KIB]) {
    assert.equal(formatLimit(bytes), formatBytes(bytes));
  }
});

const SIZES: [string, number][] = [
  ["0", 0],
  ["0.0", 0],
  ["4096B", 4096],
  ["10B", 10],
  ["10 GB", 10e9],
  ["10GiB", 10 * GIB],
  ["10g", 10e9],
  ["1.5m", 1_500_000],
  ["1.5MiB", 1.5 * MIB],
  [" 2 KiB ", 2048],
  ["500kb", 500_000],
  ["3TB", 3e12],
  ["3TiB", 3 * TIB],
  ["1PB", 1e15],
  ["1PiB", PIB],
  ["0.3B", 0],
  ["007 b", 7],
];

for (const [text, bytes] of SIZES) {
  Deno.test(`parseBytes("${text}") is ${bytes}`, () => assert.equal(parseBytes(text), bytes));
}

const NO_SIZES = [
  "20",
  " 4096 ",
  "1.5",
  "",
  " ",
  "MB",
  "-1",
  "+1",
  "1e3",
  "1,5 MB",
  "1.MB",
  ".5MB",
  "10 XB",
  "10 GB 5",
  "0x10",
  "Infinity",
  "NaN",
  "1 constructor",
  "1 valueOf",
  "1 __proto__",
  "9007199254740993",
  `${"9".repeat(400)}GB`,
  "10\nGB\n1",
];

for (const text of NO_SIZES) {
  Deno.test(`parseBytes rejects ${Deno.inspect(text).slice(0, 40)}`, () => {
    assert.throws(() => parseBytes(text), (error) => hasCode(error, "LDR_USAGE"));
  });
}

/** What is refused because of its unit, the message, and the hint. */
const UNITLESS: [(text: string) => unknown, string, RegExp, RegExp][] = [
  [parseBytes, "20", /^the size "20" has no unit$/, /20GB .* 20B for bytes/],
  [parseSpace, " 10 ", /^the size "10" has no unit$/, /10GB, or 10% of the disk/],
  [parseDuration, "30", /^the duration "30" has no unit$/, /30d for days/],
  [parseDuration, "1M", /^"1M": M can mean minutes or months$/, /m for minutes, or mo for months/],
];

for (const [parse, text, message, hint] of UNITLESS) {
  Deno.test(`${parse.name}("${text}") says which unit is missing`, () => {
    assert.throws(() => parse(text), (error) => {
      assert.ok(hasCode(error, "LDR_USAGE"));
      assert.match(error.message, message);
      assert.match(error.hint, hint);
      return true;
    });
  });
}

Deno.test("parseSpace takes 0 and a percentage without a unit", () => {
  assert.deepEqual(parseSpace("0"), { bytes: 0 });
  assert.deepEqual(parseSpace("12.5 %"), { percent: 12.5 });
});

Deno.test("parseBytes reads a formatted size back to within its rounding", () => {
  fc.assert(fc.property(fc.nat(4 * PIB), (bytes) => {
    const back = parseBytes(formatBytes(bytes));
    assert.ok(Math.abs(back - bytes) <= bytes * 0.006 + 1, `${bytes} became ${back}`);
  }));
});

Deno.test("formatBytes never writes more than four digits before the decimal point", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => {
    assert.match(formatBytes(bytes), /^(?:\d{1,4} B|\d{1,4}\.\d\d [KMGTP]iB)$/);
    assert.doesNotMatch(formatBytes(bytes), /^1024/);
  }));
});

const DURATIONS: [string, number][] = [
  ["0", 0],
  ["0s", 0],
  ["250ms", 250],
  ["1s", 1000],
  ["90s", 90_000],
  ["12h", 43_200_000],
  ["1.5h", 5_400_000],
  ["30d", 2_592_000_000],
  ["2w", 1_209_600_000],
  ["1h30m", 5_400_000],
  [" 1D ", 86_400_000],
  ["1m1ms", 60_001],
  ["1 D", 86_400_000],
  ["1h 30m", 5_400_000],
  ["3d 4h", 76 * 3_600_000],
  ["1mo", 30 * 86_400_000],
  ["6MO", 180 * 86_400_000],
  ["1y", 365 * 86_400_000],
  ["1Y", 365 * 86_400_000],
  ["1MS", 1],
  ["0.0", 0],
];

for (const [text, milliseconds] of DURATIONS) {
  Deno.test(`parseDuration("${text}") is ${milliseconds}`, () => {
    assert.equal(parseDuration(text), milliseconds);
  });
}

const NO_DURATIONS = [
  "",
  "5",
  "h",
  "-1h",
  "30",
  "1M",
  "1 M",
  "1h30M",
  "1M30s",
  "1 0d",
  "1d 5",
  "1mon",
  "M",
  "1hm",
  "1e3s",
  "Infinity",
  "forever",
  `${"9".repeat(400)}d`,
  "300000000d",
];

for (const text of NO_DURATIONS) {
  Deno.test(`parseDuration rejects ${Deno.inspect(text).slice(0, 40)}`, () => {
    assert.throws(() => parseDuration(text), (error) => hasCode(error, "LDR_USAGE"));
  });
}

Deno.test("parseDuration accepts no duration before which there is no date", () => {
  fc.assert(
    fc.property(fc.nat(200_000_000), fc.constantFrom("s", "m", "h", "d", "w"), (n, unit) => {
      let duration: number;
      try {
        duration = parseDuration(`${n}${unit}`);
      } catch {
        return;
      }
      new Date(Date.UTC(2026, 0) - duration).toISOString();
    }),
  );
});

const SPANS: [number, string][] = [
  [0, "0s"],
  [499, "0s"],
  [500, "1s"],
  [-5000, "0s"],
  [59_600, "1m"],
  [61_000, "1m 1s"],
  [3_600_000, "1h"],
  [725_000, "12m 5s"],
  [76 * 3_600_000, "3d 4h"],
  [76 * 3_600_000 + 59_000, "3d 4h"],
  [400 * 86_400_000, "400d"],
];

for (const [milliseconds, text] of SPANS) {
  Deno.test(`formatDuration(${milliseconds}) is "${text}"`, () => {
    assert.equal(formatDuration(milliseconds), text);
  });
}

Deno.test("plural uses the singular only for 1", () => {
  assert.deepEqual([0, 1, 2].map((n) => plural(n, "layer")), ["0 layers", "1 layer", "2 layers"]);
  assert.deepEqual([1, 2].map((n) => plural(n, "entry", "entries")), ["1 entry", "2 entries"]);
});
