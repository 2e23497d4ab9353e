import type { SqlValue } from "./messages.ts";

/** Comments, quoted text and names, in which nothing is a parameter, the end of a statement, and parameters. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|;|(\?\d*|[:@$#]\w+(?:::\w+)*)/g;

/** A statement, and its values as node:sqlite binds them: by name, and the rest in order. */
export interface BoundStatement {
  readonly sql: string;
  readonly named: Record<string, SqlValue>;
  readonly anonymous: readonly SqlValue[];
}

/**
 * Assigns values to the parameters of a statement by their numbers, as Spin does. node:sqlite binds parameters with a
 * name only by name, and `?1` in one way or the other depending on Deno's version. Unless all are `?`, the parameters
 * become `:p1`, `:p2`, …
 *
 * Source: SQLite, "Parameters" of its Expressions: `?` has the number after the largest one so far, `?NNN` is NNN, and
 * a name has the number after the largest one at its first occurrence.
 *
 * @throws Error if there are too few or too many values
 */
export function bindValues(sql: string, values: readonly SqlValue[]): BoundStatement {
  const parameters = numberParameters(sql);
  const count = parameters.reduce((largest, { number }) => Math.max(largest, number), 0);
  if (count !== values.length) {
    throw new Error(
      `Wrong number of parameters passed to query. Got ${values.length}, needed ${count}`,
    );
  }
  if (parameters.every(({ text }) => text === "?")) return { sql, named: {}, anonymous: values };
  let renamed = "";
  let end = 0;
  const named: Record<string, SqlValue> = {};
  for (const { text, index, number } of parameters) {
    renamed += `${sql.slice(end, index)}:p${number}`;
    end = index + text.length;
    named[`:p${number}`] = values[number - 1]!;
  }
  return { sql: renamed + sql.slice(end), named, anonymous: [] };
}

/** A parameter, its place in the statement, and its number from 1. */
interface Parameter {
  readonly text: string;
  readonly index: number;
  readonly number: number;
}

/** Returns the parameters of the first statement, which is all that SQLite reads. */
function numberParameters(sql: string): Parameter[] {
  const parameters: Parameter[] = [];
  const names = new Map<string, number>();
  let largest = 0;
  for (const { 0: token, 1: text, index } of sql.matchAll(TOKEN)) {
    if (token === ";") break;
    if (text === undefined) continue;
    const explicit = /^\?(\d+)$/.exec(text)?.[1];
    const number = explicit ? Number(explicit) : names.get(text) ?? largest + 1;
    if (text !== "?") names.set(text, number);
    largest = Math.max(largest, number);
    parameters.push({ text, index, number });
  }
  return parameters;
}
