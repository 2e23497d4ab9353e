import type { Item } from "./items.ts";
import { placeIn, PointedError } from "../errors.ts";

/** Whether an item is meant. @throws PointedError for what only its values can tell */
export type Filter = (item: Item) => boolean;

/**
 * Reads what `--filter` says: an expression that is true or false of each item, such as
 * `type == "app" && size > bytes("100MB")`. docs/filters.md has the language.
 *
 * @param now milliseconds since the epoch
 * @throws PointedError LDR_USAGE
 */
export async function compileFilter(text: string, now: number): Promise<Filter> {
  const { parseExpression } = await import("./expression.ts");
  const expression = parseExpression({ text, kind: "filter", start: 0, end: text.length }, now);
  const refuse = (what: string) =>
    new PointedError(
      "LDR_USAGE",
      `bad filter at ${placeIn(text, 0)}: it is ${what}, neither true nor false`,
      { hint: 'compare it with something, as in size > bytes("100MB")', text, offset: 0 },
    );
  if (expression.type !== "bool" && expression.type !== "dyn") {
    throw refuse(`of the type ${expression.type}`);
  }
  return (item) => {
    const value = expression.evaluate(item);
    if (typeof value === "boolean") return value;
    throw refuse(`${value}`);
  };
}
