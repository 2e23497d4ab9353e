import fc from "fast-check";
import assert from "node:assert/strict";
import { MalformedWasm, SectionReader } from "../../../../src/run/wasm/binary/reader.ts";

/** Returns the shortest LEB128 of a number by the definition of the specification, without shifts of 32 bits. */
function leb(value: bigint, signed: boolean): Uint8Array {
  const bytes: number[] = [];
  for (;;) {
    const low = Number(value & 0x7fn);
    value >>= 7n;
    const isDone = signed ? value === (low & 0x40 ? -1n : 0n) : value === 0n;
    bytes.push(isDone ? low : low | 0x80);
    if (isDone) return Uint8Array.from(bytes);
  }
}

function reader(bytes: Iterable<number>): SectionReader {
  return new SectionReader(Uint8Array.from(bytes), 100);
}

const NUMBERS = [
  ["u32", false, fc.bigInt({ min: 0n, max: 2n ** 32n - 1n })],
  ["s32", true, fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n })],
  ["u64", false, fc.bigInt({ min: 0n, max: 2n ** 53n - 1n })],
] as const;

for (const [kind, signed, numbers] of NUMBERS) {
  Deno.test(`SectionReader.${kind} reads every number, and no byte after it`, () => {
    fc.assert(fc.property(numbers, (number) => {
      const bytes = leb(number, signed);
      const section = reader([...bytes, 0xff]);
      assert.equal(section[kind](), Number(number));
      assert.deepEqual([section.position, section.offset], [bytes.length, 100 + bytes.length]);
    }));
  });
}

const MALFORMED: [string, (section: SectionReader) => unknown, number[], RegExp][] = [
  ["a u32 of too many bytes", (s) => s.u32(), Array(6).fill(0x80), /more than 32 bits/],
  ["a u32 of too many bits", (s) => s.u32(), [0xff, 0xff, 0xff, 0xff, 0x1f], /more than 32 bits/],
  ["an s32 of too many bytes", (s) => s.s32(), Array(6).fill(0x80), /more than 32 bits/],
  ["a u64 of too many bits", (s) => s.u64(), [...Array(9).fill(0xff), 2], /more than 64 bits/],
  ["a u64 of too many bytes", (s) => s.u64(), Array(11).fill(0x80), /more than 64 bits/],
  ["a number that ends early", (s) => s.s32(), [0x80, 0x80], /a section ends early at byte 102/],
  ["more to skip than there is", (s) => s.skip(3), [1, 2], /runs past its section at byte 100/],
];

for (const [name, read, bytes, message] of MALFORMED) {
  Deno.test(`SectionReader refuses ${name}`, () => {
    assert.throws(
      () => read(reader(bytes)),
      (error) => error instanceof MalformedWasm && message.test(error.message),
    );
  });
}
