import assert from "node:assert/strict";
import fc from "fast-check";
import { Fields, MAX_HEADER_SIZE } from "../../../../src/run/wasi/http/fields.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const headerError = (tag: string) =>
  wasiError((payload) => (payload as { tag: string }).tag === tag);

Deno.test("Fields keeps order and the first case of a name, and finds names in any case", () => {
  const fields = Fields.fromList([["A", bytesOf("1")], ["b", bytesOf("2")], ["a", bytesOf("3")]]);
  assert.deepEqual(Fields.toList(fields), [["A", "1"], ["b", "2"], ["A", "3"]]);
  assert.deepEqual(fields.get("a"), [bytesOf("1"), bytesOf("3")]);
  assert.deepEqual([fields.has("B"), fields.has("c")], [true, false]);
});

Deno.test("Fields.set replaces and Fields.delete removes all values of a name", () => {
  const fields = Fields.fromList([["A", bytesOf("1")], ["b", bytesOf("2")], ["a", bytesOf("3")]]);
  fields.set("a", [bytesOf("4"), bytesOf("5")]);
  assert.deepEqual(Fields.toList(fields), [["b", "2"], ["a", "4"], ["a", "5"]]);
  fields.delete("A");
  assert.deepEqual(Fields.toList(fields), [["b", "2"]]);
});

const BAD: [name: string, value: string, tag: string][] = [
  ["", "x", "invalid-syntax"],
  ["a b", "x", "invalid-syntax"],
  ["a:", "x", "invalid-syntax"],
  ["ä", "x", "invalid-syntax"],
  ["a", "x\r\nset-cookie: y", "invalid-syntax"],
  ["a", "x\n", "invalid-syntax"],
  ["a", "\0", "invalid-syntax"],
  ["a", "\x7f", "invalid-syntax"],
  ["Host", "x", "forbidden"],
  ["connection", "x", "forbidden"],
  ["Transfer-Encoding", "chunked", "forbidden"],
  ["upgrade", "x", "forbidden"],
];

for (const [name, value, tag] of BAD) {
  Deno.test(`Fields rejects ${JSON.stringify(`${name}: ${value}`)} as ${tag}`, () => {
    const fields = new Fields();
    assert.throws(() => fields.append(name, bytesOf(value)), headerError(tag));
    assert.throws(() => fields.set(name, [bytesOf("x"), bytesOf(value)]), headerError(tag));
    assert.throws(() => Fields.fromList([[name, bytesOf(value)]]), headerError(tag));
    assert.deepEqual(fields.entries(), []);
  });
}

Deno.test("Fields.received is immutable, its clone is not", () => {
  const fields = Fields.received([["a", "1"]]);
  for (
    const change of [
      () => fields.append("b", bytesOf("2")),
      () => fields.set("a", []),
      () => fields.delete("a"),
    ]
  ) assert.throws(change, headerError("immutable"));
  const clone = fields.clone();
  clone.delete("a");
  assert.deepEqual([Fields.toList(fields), Fields.toList(clone)], [[["a", "1"]], []]);
});

Deno.test("Fields.received omits the fields of the connection", () => {
  const fields = Fields.received([["Host", "x"], ["connection", "close"], ["cookie", "a"]]);
  assert.deepEqual(Fields.toList(fields), [["cookie", "a"]]);
});

Deno.test("Fields keeps every byte that a value may have", () => {
  fc.assert(fc.property(
    fc.uint8Array().filter((bytes) => bytes.every((byte) => byte >= 0x20 && byte !== 0x7f)),
    (bytes) => {
      const sent = Fields.toList(Fields.fromList([["a", bytes]]));
      assert.deepEqual(Fields.received(sent).get("a"), [Uint8Array.from(bytes)]);
    },
  ));
});

Deno.test("Fields takes thousands of fields, and traps above MAX_HEADER_SIZE", () => {
  const fields = new Fields();
  for (let i = 0; i < 5000; i++) fields.append(`x-${i}`, bytesOf("1"));
  assert.equal(fields.entries().length, 5000);
  const large = new Fields();
  large.append("a", new Uint8Array(MAX_HEADER_SIZE - 1 - 32).fill(0x61));
  assert.throws(() => large.append("b", new Uint8Array()), WebAssembly.RuntimeError);
  large.delete("a");
  large.append("b", bytesOf("there is room again"));
  // Deno 2.4 ends over 32,768 names in a response.
  const many = () => Array.from({ length: 9000 }, (_, i) => ["x", bytesOf(`${i}`)] as const);
  assert.throws(() => Fields.fromList(many()), WebAssembly.RuntimeError);
});
