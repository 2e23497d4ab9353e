import { printable } from "../../../base/errors.ts";
import { formatBytes } from "../../../base/units.ts";
import { shortened } from "../../terminal/text_layout.ts";

/** A named size. */
export interface Bar {
  readonly name: string;
  readonly bytes: number;
}

const FULL = "█";
/** Blocks of one to seven eighths of a cell. */
const EIGHTHS = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Minimum width of the longest bar, in columns. */
const MIN_BAR = 10;
/** Maximum width of a name, in columns. */
const MAX_NAME = 50;

/**
 * Draws horizontal bars, the longest filling the line. Ends with a newline.
 * @param width columns per line
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

/** Draws a bar of a fractional number of cells, at least an eighth unless it is 0. */
function barOf(cells: number): string {
  const eighths = cells > 0 ? Math.max(1, Math.round(cells * 8)) : 0;
  return FULL.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8 - 1] ?? "");
}
