import { LarderError } from "./errors.ts";

const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

const SIZE_UNITS = new Map([
  ["b", 1],
  ["k", 1e3],
  ["kb", 1e3],
  ["kib", 1024],
  ["m", 1e6],
  ["mb", 1e6],
  ["mib", 1024 ** 2],
  ["g", 1e9],
  ["gb", 1e9],
  ["gib", 1024 ** 3],
  ["t", 1e12],
  ["tb", 1e12],
  ["tib", 1024 ** 4],
  ["p", 1e15],
  ["pb", 1e15],
  ["pib", 1024 ** 5],
]);

/** Milliseconds of a day. */
export const DAY = 86_400_000;

const DURATION_UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: DAY,
  w: 7 * DAY,
  mo: 30 * DAY,
  y: 365 * DAY,
};

const NUMBER = /^\d+(?:\.\d+)?$/;

/** 100 million days: ECMAScript has no dates further than this from the epoch. */
const MAX_DURATION = 8.64e15;

/** Formats a size in IEC 80000-13 units: `28.17 MiB`; whole bytes below 1 KiB: `512 B`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // From 1023.995 on, rounding to two decimal places would print `1024.00 KiB`.
  while (value >= 1023.995 && unit < IEC.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(2)} ${IEC[unit]}`;
}

/**
 * Parses a size, such as `10GB`, `10 GiB`, `1.5m` or `0`, to bytes. A number needs a unit, because 20 meant as GB and
 * read as bytes would empty a cache.
 * @throws LarderError LDR_USAGE
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const amount = Number(match?.[1]);
  if (match?.[2] === "") {
    if (amount === 0) return 0;
    const number = match[1];
    throw noUnit("size", text, `write ${number}GB or ${number}MB, or ${number}B for bytes`);
  }
  const unit = match && SIZE_UNITS.get(match[2]!.toLowerCase());
  const bytes = unit ? Math.round(amount * unit) : NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new LarderError("LDR_USAGE", `not a size: "${text}"`, {
      hint: "write a number and a unit, such as 500MB or 10GiB",
    });
  }
  return bytes;
}

function noUnit(kind: string, text: string, hint: string): LarderError {
  return new LarderError("LDR_USAGE", `the ${kind} "${text.trim()}" has no unit`, { hint });
}

/** An amount of disk space, in bytes or in percent of the whole. */
export type Space = { readonly bytes: number } | { readonly percent: number };

/**
 * Parses a size as {@link parseBytes} does, or a percentage such as `12.5%`.
 * @throws LarderError LDR_USAGE
 */
export function parseSpace(text: string): Space {
  const share = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text)?.[1];
  if (share === undefined) {
    const number = text.trim();
    if (NUMBER.test(number) && Number(number) !== 0) {
      throw noUnit("size", text, `write ${number}GB, or ${number}% of the disk`);
    }
    return { bytes: parseBytes(text) };
  }
  const percent = Number(share);
  if (percent <= 100) return { percent };
  throw new LarderError("LDR_USAGE", `not a percentage: "${text}"`, {
    hint: "write 100% or less, such as 10%",
  });
}

/**
 * Parses a duration, such as `30d`, `12h`, `1h 30m`, `6mo` or `0`, to milliseconds. A month is 30 days, a year 365.
 * `M` is refused, because it can mean minutes or months, and the wrong one would empty a cache.
 * @throws LarderError LDR_USAGE
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) {
    if (Number(trimmed) === 0) return 0;
    throw noUnit("duration", text, `write ${trimmed}d for days, or ${trimmed}h for hours`);
  }
  if (/\d\s*M(?![OoSs])/.test(trimmed)) {
    throw new LarderError("LDR_USAGE", `"${trimmed}": M can mean minutes or months`, {
      hint: "write m for minutes, or mo for months of 30 days",
    });
  }
  let total = 0;
  let rest = trimmed.toLowerCase();
  for (let match; (match = PART_OF_DURATION.exec(rest)); rest = rest.slice(match[0].length)) {
    total += Number(match[1]) * DURATION_UNITS[match[2]!]!;
  }
  if (trimmed === "" || rest !== "" || total > MAX_DURATION) {
    throw new LarderError("LDR_USAGE", `not a duration: "${text}"`, {
      hint: "write a number and one of s, m, h, d, w, mo, y, such as 12h or 30d",
    });
  }
  return total;
}

/** The first amount of a duration; `mo` and `ms` come before `m`. */
const PART_OF_DURATION = /^(\d+(?:\.\d+)?)\s*(ms|mo|[smhdwy])\s*/;

/**
 * Formats a duration with its largest unit and, unless that is zero, the next smaller one: `3d 4h`, `2h`, `0s`.
 */
export function formatDuration(milliseconds: number): string {
  const units = [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]] as const;
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const largest = Math.max(0, units.findIndex(([, length]) => seconds >= length));
  let rest = seconds;
  const parts = units.slice(largest, largest + 2).map(([unit, length]) => {
    const amount = Math.floor(rest / length);
    rest -= amount * length;
    return amount > 0 ? `${amount}${unit}` : "";
  });
  return parts.join(" ").trim() || "0s";
}

/** Formats a count with its noun: `1 layer`, `2 layers`; `1 entry`, `2 entries`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const LIMIT_UNITS = ["PB", "PiB", "TB", "TiB", "GB", "GiB", "MB", "MiB", "kB", "KiB"] as const;

/**
 * Formats a limit in the unit that the user is likely to have written it in: the one in which it is shortest, with at
 * most two decimal places, such as `8 MB`, `1.25 GB` or `7.5 GiB`. Other sizes are formatted by {@link formatBytes}.
 */
export function formatLimit(bytes: number): string {
  let shortest: string | undefined;
  for (const unit of LIMIT_UNITS) {
    const size = SIZE_UNITS.get(unit.toLowerCase())!;
    const value = bytes / size;
    if (value < 1 || value >= 10_000 || (100 * bytes) % size !== 0) continue;
    const text = `${value} ${unit}`;
    if (shortest === undefined || text.length < shortest.length) shortest = text;
  }
  return shortest ?? formatBytes(bytes);
}
