import type { SqlValue } from "./messages.ts";

/** Comments, quoted text and names, in which nothing is a parameter, the end of a statement, and parameters. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|;|\?(\d*)|([:@$#]\w+(?:::\w+)*)/g;

/** Values as node:sqlite binds them: by name, and the rest in order. */
export interface BoundValues {
  readonly named: Record<string, SqlValue>;
  readonly anonymous: readonly SqlValue[];
}

/**
 * Assigns values to the parameters of a statement by their numbers, as Spin does: node:sqlite binds parameters with
 * names only by name, and before Deno 2.9 also `?1`.
 *
 * Source: SQLite, "Parameters" of its Expressions: `?` has the number after the largest one so far, `?NNN` is NNN, and
 * a name has the number after the largest one at its first occurrence.
 *
 * @throws Error if there are too few or too many values
 */
export function bindValues(sql: string, values: readonly SqlValue[]): BoundValues {
  const named: Record<string, SqlValue> = {};
  const anonymous: SqlValue[] = [];
  let count = 0;
  for (const [text, number, name] of sql.matchAll(TOKEN)) {
    if (text === ";") break; // SQLite reads only the first statement.
    if (name !== undefined) {
      if (!Object.hasOwn(named, name)) named[name] = values[count++] ?? null;
    } else if (number === "") anonymous.push(values[count++] ?? null);
    else if (number !== undefined) {
      named[text] = values[Number(number) - 1] ?? null;
      count = Math.max(count, Number(number));
    }
  }
  if (count === values.length) return { named, anonymous };
  throw new Error(
    `Wrong number of parameters passed to query. Got ${values.length}, needed ${count}`,
  );
}
