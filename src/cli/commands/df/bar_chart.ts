import { printable } from "../../../base/errors.ts";
import { formatBytes } from "../../../base/units.ts";

/** A bar and what it stands for. */
export interface Bar {
  readonly name: string;
  readonly bytes: number;
}

const FULL = "█";
/** Eighths of a cell, from one to seven. */
const EIGHTHS = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** The least that a bar gets of a line, in columns. */
const MIN_BAR = 10;
/** The most that a name gets. */
const MAX_NAME = 50;

/**
 * Horizontal bars, the longest as long as the line allows. Ends with a newline.
 * @param width columns of a line
 */
export function barChart(bars: readonly Bar[], width: number): string {
  const largest = Math.max(1, ...bars.map(({ bytes }) => bytes));
  const sizes = bars.map(({ bytes }) => formatBytes(bytes));
  const sizeWidth = Math.max(...sizes.map((text) => text.length));
  const room = Math.max(MIN_BAR, width - sizeWidth - MIN_BAR - 4);
  const names = bars.map(({ name }) => shortened(printable(name), Math.min(MAX_NAME, room)));
  const nameWidth = Math.max(...names.map((text) => text.length));
  const barWidth = Math.max(MIN_BAR, width - nameWidth - sizeWidth - 4);
  return bars.map(({ bytes }, i) => {
    const bar = barOf((bytes / largest) * barWidth);
    return `${names[i]!.padEnd(nameWidth)}  ${sizes[i]!.padStart(sizeWidth)}  ${bar}`.trimEnd() +
      "\n";
  }).join("");
}

/** A bar of so many cells; what is not nothing can be seen. */
function barOf(cells: number): string {
  const eighths = cells > 0 ? Math.max(1, Math.round(cells * 8)) : 0;
  return FULL.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8 - 1] ?? "");
}

/** A name with its middle left out, if it is too long: beginnings and ends tell most. */
function shortened(name: string, width: number): string {
  if (name.length <= width) return name;
  const start = Math.floor((width - 1) / 2);
  return `${name.slice(0, start)}…${name.slice(name.length - (width - 1 - start))}`;
}
