import { printable } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import type { Item } from "./items.ts";
import { placeIn, PointedError } from "../errors.ts";

/** What a template makes of an item: one line, or as many as the template has. */
export type Template = (item: Item) => string;

/** An expression in braces; a text in quotes may have braces of its own. */
const PLACE = /\{\{((?:[^"'}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\}(?!\}))*)\}\}/g;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", "\\": "\\" };

/**
 * Reads a template: text with expressions in double braces, such as `{{name}} {{size.human()}}`. They are in the
 * language of filters, so nothing in a template is ever run, and neither is what lies in the cache.
 *
 * @param now milliseconds since the epoch
 * @throws PointedError LDR_USAGE
 */
export async function compileTemplate(text: string, now: number): Promise<Template> {
  const { isDuration, parseExpression } = await import("./expression.ts");
  const show = (value: unknown): string => {
    if (value instanceof Date) return value.toISOString();
    if (isDuration(value)) return formatDuration(Number(value));
    if (Array.isArray(value)) return value.map(show).join(",");
    return printable(String(value));
  };
  const parts: ((item: Item) => string)[] = [];
  let end = 0;
  for (const { index, 0: place, 1: inside } of text.matchAll(PLACE)) {
    parts.push(literal(text, end, index));
    const start = index + "{{".length;
    const source = { text, kind: "template", start, end: start + inside!.length };
    const expression = parseExpression(source, now);
    parts.push((item) => show(expression.evaluate(item)));
    end = index + place.length;
  }
  parts.push(literal(text, end, text.length));
  return (item) => parts.map((part) => part(item)).join("");
}

/** What stands between expressions: `\\n` and `\\t` are written as in the templates of other tools. */
function literal(text: string, start: number, end: number): () => string {
  const part = text.slice(start, end);
  const open = part.indexOf("{{");
  if (open >= 0) {
    const offset = start + open;
    throw new PointedError(
      "LDR_USAGE",
      `bad template at ${placeIn(text, offset)}: {{ without }}`,
      { hint: "write a field in double braces, as in {{name}}", text, offset },
    );
  }
  const written = part.replace(/\\([nt\\])/g, (_, letter: string) => ESCAPES[letter]!);
  return () => written;
}
