import { printable } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { placeIn, PointedError } from "../errors.ts";
import type { Item } from "./items.ts";

/** Formats an item as one line, or as many as the template has. */
export type Template = (item: Item) => string;

/** An expression in double braces; a string literal in it may contain braces. */
const PLACEHOLDER = /\{\{((?:[^"'}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\}(?!\}))*)\}\}/g;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", "\\": "\\" };

/**
 * Compiles a template: text with expressions in double braces, such as `{{name}} {{size.human()}}`. Expressions are in
 * the language of filters, so neither a template nor a value from the cache can run code.
 *
 * @param now milliseconds since the epoch
 * @throws PointedError LDR_USAGE if an expression is bad or a brace is not closed
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
  for (const { index, 0: placeholder, 1: inside } of text.matchAll(PLACEHOLDER)) {
    parts.push(literal(text, end, index));
    const start = index + "{{".length;
    const source = { text, kind: "template", start, end: start + inside!.length };
    const expression = parseExpression(source, now);
    parts.push((item) => show(expression.evaluate(item)));
    end = index + placeholder.length;
  }
  parts.push(literal(text, end, text.length));
  return (item) => parts.map((part) => part(item)).join("");
}

/** Reads the text between expressions, with the escapes of other tools' templates: `\\n` and `\\t`. */
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
