import { placeIn, PointedError } from "../errors.ts";
import type { Item } from "./items.ts";

/** Returns true if an item matches. @throws PointedError if its values cannot be evaluated */
export type Filter = (item: Item) => boolean;

/**
 * Compiles the value of `--filter`: an expression that is true or false for each item, such as
 * `type == "app" && size > bytes("100MB")`. The language is described in docs/filters.md.
 *
 * @param now milliseconds since the epoch
 * @throws PointedError LDR_USAGE if it is not an expression or not a bool
 */
export async function compileFilter(text: string, now: number): Promise<Filter> {
  const { parseExpression } = await import("./expression.ts");
  const expression = parseExpression({ text, kind: "filter", start: 0, end: text.length }, now);
  const notBoolean = (result: string) =>
    new PointedError(
      "LDR_USAGE",
      `bad filter at ${placeIn(text, 0)}: the result is ${result}, not true or false`,
      { hint: 'compare it with a value, as in size > bytes("100MB")', text, offset: 0 },
    );
  if (expression.type !== "bool" && expression.type !== "dyn") {
    throw notBoolean(`of type ${expression.type}`);
  }
  return (item) => {
    const value = expression.evaluate(item);
    if (typeof value === "boolean") return value;
    throw notBoolean(`${value}`);
  };
}
