import { printable } from "../../base/errors.ts";

/**
 * Formats left-aligned columns, two spaces apart, each as wide as its widest cell. Ends with a newline. Control
 * characters in cells are replaced, because names and annotations are untrusted.
 */
export function table(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printable));
  const widths = head.map((name, i) =>
    rows.reduce((width, row) => Math.max(width, row[i]!.length), name.length)
  );
  return [head, ...rows].map((line) =>
    line.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()
  )
    .join("\n") + "\n";
}

/** Formats a line per value, with its name in front. Leaves out absent values, and replaces control characters. */
export function fields(rows: readonly (readonly [string, string | null | undefined])[]): string {
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.flatMap(([key, value]) =>
    value === undefined || value === null ? [] : `${key.padEnd(width)}  ${printable(value)}\n`
  ).join("");
}

/** Joins texts with an empty line between them, leaving out empty ones. */
export function sections(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n");
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}

/** `2026-01-31 14:05:09`, in the user's time zone. Takes milliseconds since the epoch. */
export function localTime(time: number): string {
  const date = new Date(time);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
