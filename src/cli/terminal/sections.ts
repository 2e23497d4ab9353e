import { printable } from "../../base/errors.ts";

/** A line for each value that there is, with its name before it. What would steer a terminal is taken out. */
export function fields(rows: readonly (readonly [string, string | null | undefined])[]): string {
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.flatMap(([key, value]) =>
    value === undefined || value === null ? [] : `${key.padEnd(width)}  ${printable(value)}\n`
  ).join("");
}

/** Texts with an empty line between them; those that are empty are left out. */
export function sections(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n");
}
