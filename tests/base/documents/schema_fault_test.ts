import assert from "node:assert/strict";
import * as v from "valibot";
import { schemaFault } from "../../../src/base/documents/schema_fault.ts";

const Schema = v.strictObject({
  count: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  size: v.union([v.string(), v.number()]),
  kind: v.picklist(["one", "two"]),
  list: v.array(v.object({ on: v.boolean() })),
  time: v.pipe(v.string(), v.check((text) => text === "now", "not a time")),
  name: v.pipe(v.string(), v.nonEmpty()),
});

const GOOD = { count: 1, size: 1, kind: "one", list: [], time: "now", name: "x" };
const { count: _, ...WITHOUT_COUNT } = GOOD;

/** A document, and what is told to be wrong with it. */
const CASES: [unknown, string][] = [
  [null, "the document is null, not an object"],
  [[], "count is missing"],
  [WITHOUT_COUNT, "count is missing"],
  [{ ...GOOD, more: 1 }, "more is unknown"],
  [{ ...GOOD, count: "1" }, 'count is "1", not a number'],
  [{ ...GOOD, count: null }, "count is null, not a number"],
  [{ ...GOOD, count: 1.5 }, "count is 1.5, which is not valid"],
  [{ ...GOOD, count: -1 }, "count is -1, which is not valid"],
  [{ ...GOOD, size: [] }, "size is a list, not a text or a number"],
  [{ ...GOOD, kind: "three" }, 'kind is "three", not "one" or "two"'],
  [{ ...GOOD, list: {} }, "list is an object, not a list"],
  [{ ...GOOD, list: [{ on: "yes" }] }, 'list.0.on is "yes", not true or false'],
  [{ ...GOOD, time: "then" }, "time: not a time"],
  [{ ...GOOD, name: "" }, "name is empty"],
];

for (const [document, fault] of CASES) {
  Deno.test(`schemaFault says of ${JSON.stringify(document)}: ${fault}`, () => {
    const { issues } = v.safeParse(Schema, document);
    assert.equal(schemaFault(issues![0]), fault);
  });
}

Deno.test("schemaFault names the place of a part, and shortens a long value", () => {
  const { issues } = v.safeParse(Schema, { ...GOOD, count: "x".repeat(9000) });
  const fault = schemaFault(issues![0], "components.0");
  assert.match(fault, /^components\.0\.count is "x+…, not a number$/);
  assert.ok(fault.length < 300);
});
