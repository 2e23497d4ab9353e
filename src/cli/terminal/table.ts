import { printable } from "../../base/errors.ts";

/**
 * Left-aligned columns two spaces apart, each as wide as its widest cell. Ends with a newline. What would steer a
 * terminal is taken out of the cells.
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

/** `2026-01-31 14:05:09`, in the user's time zone. Takes milliseconds since the epoch. */
export function localTime(time: number): string {
  const date = new Date(time);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
