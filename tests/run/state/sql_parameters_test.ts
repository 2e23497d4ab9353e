import fc from "fast-check";
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { bindValues } from "../../../src/run/state/sql_parameters.ts";

const CASES: [sql: string, values: number[], renamed: string, named: Record<string, number>][] = [
  ["select 1", [], "select 1", {}],
  ["select ?2, ?1", [1, 2], "select :p2, :p1", { ":p2": 2, ":p1": 1 }],
  ["select ?1, ?1", [1], "select :p1, :p1", { ":p1": 1 }],
  [
    "select :a, @b, $c, :a",
    [1, 2, 3],
    "select :p1, :p2, :p3, :p1",
    { ":p1": 1, ":p2": 2, ":p3": 3 },
  ],
  ["select ?, :a, ?", [1, 2, 3], "select :p1, :p2, :p3", { ":p1": 1, ":p2": 2, ":p3": 3 }],
  ["select $a::b::c", [1], "select :p1", { ":p1": 1 }],
  [
    "select '?', \"?\", `?`, [?1] -- ?\n, /* ? */ ?1",
    [1],
    "select '?', \"?\", `?`, [?1] -- ?\n, /* ? */ :p1",
    {
      ":p1": 1,
    },
  ],
  ["select a1 from t where b=:b", [1], "select a1 from t where b=:p1", { ":p1": 1 }],
  ["select ?1; select ?2", [1], "select :p1; select ?2", { ":p1": 1 }],
  ["/* ? not closed", [], "/* ? not closed", {}],
];

for (const [sql, values, renamed, named] of CASES) {
  Deno.test(`bindValues assigns the parameters of ${JSON.stringify(sql)}`, () => {
    assert.deepEqual(bindValues(sql, values), { sql: renamed, named, anonymous: [] });
  });
}

Deno.test("bindValues leaves a statement whose parameters have no names as it is", () => {
  const sql = "select ?, 'it''s ?', ?";
  assert.deepEqual(bindValues(sql, [1, 2]), { sql, named: {}, anonymous: [1, 2] });
});

for (const count of [0, 1, 3]) {
  Deno.test(`bindValues refuses ${count} values for 2 parameters`, () => {
    const values = Array.from({ length: count }, () => 1);
    assert.throws(() => bindValues("select ?, ?", values), {
      message: `Wrong number of parameters passed to query. Got ${count}, needed 2`,
    });
  });
}

Deno.test("bindValues gives each parameter the value of its number, as SQLite counts", () => {
  using database = closing(new DatabaseSync(":memory:"));
  const parameter = fc.constantFrom("?", "?1", "?3", ":a", "@b", "$c");
  fc.assert(fc.property(fc.array(parameter, { minLength: 1, maxLength: 6 }), (parameters) => {
    const sql = `select ${parameters.map((text, i) => `${text} as c${i}`).join(", ")}`;
    const values = Array.from({ length: countOf(parameters) }, (_, i) => i + 1);
    const { sql: renamed, named, anonymous } = bindValues(sql, values);
    const row = database.value.prepare(renamed).get(named, ...anonymous) as object;
    assert.deepEqual(Object.values(row), numbersOf(parameters));
  }));
});

/** Returns the numbers that SQLite documents for the parameters. */
function numbersOf(parameters: readonly string[]): number[] {
  const names = new Map<string, number>();
  let largest = 0;
  return parameters.map((text) => {
    const number = /^\?(\d+)$/.exec(text)?.[1] ?? names.get(text) ?? largest + 1;
    if (text !== "?") names.set(text, Number(number));
    largest = Math.max(largest, Number(number));
    return Number(number);
  });
}

function countOf(parameters: readonly string[]): number {
  return Math.max(...numbersOf(parameters));
}

function closing(value: DatabaseSync) {
  return { value, [Symbol.dispose]: () => value.close() };
}
