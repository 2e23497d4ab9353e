import { printable } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { outputWidth } from "./console.ts";
import { type Style, type Styler, stylerOf } from "./style.ts";

/** Columns below which a name is not shortened. */
const MIN_NAME = 16;

export interface TableOptions {
  /** The column whose cells are shortened in the middle if the table is wider than `width`. */
  readonly shrink?: number;
  /** Columns of the terminal, if there is one. */
  readonly width?: number | undefined;
  /** Returns the style of a cell. */
  readonly style?: (column: number, row: number) => Style | undefined;
  readonly paint?: Styler;
}

/**
 * Formats left-aligned columns, two spaces apart, each as wide as its widest cell. Ends with a newline. Control
 * characters in cells are replaced, because names and annotations are untrusted.
 */
export function table(
  head: readonly string[],
  cells: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const { shrink, style = () => undefined, paint = stylerOf(Deno.stdout) } = options;
  const rows = cells.map((row) => row.map(printable));
  const widths = head.map((name, i) =>
    rows.reduce((width, row) => Math.max(width, row[i]!.length), name.length)
  );
  if (shrink !== undefined) {
    const { width = outputWidth() } = options;
    if (width !== undefined) shrinkColumn(rows, widths, shrink, width);
  }
  const line = (cells: readonly string[], styleOf: (column: number) => Style | undefined) =>
    cells.reduceRight((rest, cell, i) => {
      const gap = rest === "" ? "" : " ".repeat(widths[i]! - cell.length + 2);
      return paint(cell, styleOf(i)) + gap + rest;
    }, "") + "\n";
  return line(head, () => "bold") +
    rows.map((row, i) => line(row, (column) => style(column, i))).join("");
}

/** Shortens the cells of a column so that the table fits the terminal, if that is possible. */
function shrinkColumn(rows: string[][], widths: number[], column: number, room: number): void {
  const excess = widths.reduce((sum, width) => sum + width + 2, -2) - room;
  const width = Math.max(MIN_NAME, widths[column]! - Math.max(0, excess));
  if (width >= widths[column]!) return;
  widths[column] = width;
  for (const row of rows) row[column] = shortened(row[column]!, width);
}

/** Cuts the middle out of a name that is too long: its beginning and end identify it best. */
export function shortened(name: string, width: number): string {
  if (name.length <= width) return name;
  const start = Math.floor((width - 1) / 2);
  return `${name.slice(0, start)}…${name.slice(name.length - (width - 1 - start))}`;
}

/** Formats a line per value, with its name in front. Leaves out absent values, and replaces control characters. */
export function fields(rows: readonly (readonly [string, string | null | undefined])[]): string {
  const width = Math.max(...rows.map(([key]) => key.length));
  const paint = stylerOf(Deno.stdout);
  return rows.flatMap(([key, value]) =>
    value === undefined || value === null
      ? []
      : `${paint(key, "bold")}${" ".repeat(width - key.length)}  ${printable(value)}\n`
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

/** `3d ago`, in the largest unit only: a table has no room for more, and `larder info` has the time. */
export function agoText(milliseconds: number): string {
  return `${formatDuration(milliseconds).split(" ", 1)[0]} ago`;
}
