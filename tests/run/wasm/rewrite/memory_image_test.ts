import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  extractMemory,
  MEMORY_IMPORT,
  PAGE,
} from "../../../../src/run/wasm/rewrite/memory_image.ts";
import { MemoryPool } from "../../../../src/run/engine/memory_pool.ts";
import {
  type Bytes,
  list,
  MODULE_HEADER,
  name,
  section,
  u32,
} from "../../../support/wasm/wasm_encoder.ts";

interface Segment {
  readonly offset: number;
  readonly bytes: Bytes;
}

interface Shape {
  readonly pages?: number;
  readonly maximum?: number;
  readonly segments: readonly Segment[];
  readonly imports?: boolean;
  readonly memories?: readonly Bytes[];
  readonly rawSegments?: readonly Bytes[];
}

/** A module that exports its memory, and a global to have a section after the memory. */
function moduleOf({ pages = 2, maximum, segments, imports, memories, rawSegments }: Shape) {
  const limits = maximum === undefined ? [0, ...u32(pages)] : [1, ...u32(pages), ...u32(maximum)];
  return Uint8Array.from([
    ...MODULE_HEADER,
    ...section(1, list([[0x60, 0, 0]])),
    ...imports ? section(2, list([[...name("a"), ...name("b"), 0, 0]])) : [],
    ...section(5, list(memories ?? [limits])),
    ...section(6, list([[0x7f, 0, 0x41, 7, 0x0b]])),
    ...section(7, list([[...name("memory"), 2, 0], [...name("global"), 3, 0]])),
    ...section(11, list(rawSegments ?? segments.map(active))),
  ]);
}

function active({ offset, bytes }: Segment): Bytes {
  return [0, 0x41, ...i32(offset), 0x0b, ...u32(bytes.length), ...bytes];
}

/** Signed LEB128. */
function i32(value: number): Bytes {
  const low = value & 0x7f;
  const rest = value >> 7;
  const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return isLast ? [low] : [low | 0x80, ...i32(rest)];
}

function memoryOf(instance: WebAssembly.Instance): Uint8Array {
  return new Uint8Array((instance.exports.memory as WebAssembly.Memory).buffer);
}

/** Returns the initial memory of an instance of the module, and of one of the rewritten module. */
async function both(bytes: Uint8Array<ArrayBuffer>, memories?: MemoryPool) {
  const functions = { a: { b: () => {} } };
  const plain = await WebAssembly.instantiate(bytes, functions);
  const { code, image } = extractMemory(bytes)!;
  const memory = (memories ?? new MemoryPool(image)).acquire();
  const imports = { ...functions, [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  const imaged = await WebAssembly.instantiate(code, imports);
  assert.equal((imaged.instance.exports.global as WebAssembly.Global).value, 7);
  return { plain: memoryOf(plain.instance), imaged: memoryOf(imaged.instance), memory };
}

const segment = fc.record({
  offset: fc.integer({ min: 0, max: 2 * PAGE - 40 }),
  bytes: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
});

Deno.test("extractMemory leaves the initial memory of instances as it is", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 12 }),
      fc.boolean(),
      async (segments, imports) => {
        const { plain, imaged } = await both(moduleOf({ segments, imports }));
        assert.ok(Buffer.compare(plain, imaged) === 0);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("MemoryPool.acquire overwrites a used memory", async () => {
  const bytes = moduleOf({ segments: [{ offset: 70_000, bytes: [1, 2, 3] }] });
  const memories = new MemoryPool(extractMemory(bytes)!.image);
  const first = await both(bytes, memories);
  first.imaged.fill(0xff);
  memories.release(first.memory);
  const second = await both(bytes, memories);
  assert.equal(second.memory, first.memory);
  assert.ok(Buffer.compare(second.plain, second.imaged) === 0);
});

Deno.test("MemoryPool.release drops a memory that has grown", () => {
  const { image } = extractMemory(moduleOf({ segments: [] }))!;
  const memories = new MemoryPool(image);
  const first = memories.acquire();
  first.grow(1);
  memories.release(first);
  assert.notEqual(memories.acquire(), first);
});

Deno.test("MemoryPool limits a memory to the module's maximum or larder's", () => {
  const limited = extractMemory(moduleOf({ segments: [], maximum: 3 }))!;
  const memory = new MemoryPool(limited.image).acquire();
  assert.equal(memory.grow(1), 2);
  assert.throws(() => memory.grow(1), RangeError);
  const unlimited = extractMemory(moduleOf({ segments: [] }))!;
  assert.throws(() => new MemoryPool(unlimited.image).acquire().grow(20_000), RangeError);
});

const UNSUITABLE: [reason: string, shape: Shape][] = [
  ["no memory", { segments: [], memories: [] }],
  ["a shared memory", { segments: [], memories: [[3, 1, 2]] }],
  ["two memories", { segments: [], memories: [[0, 1], [0, 1]] }],
  ["a segment that does not fit", { segments: [{ offset: 2 * PAGE - 1, bytes: [1, 2] }] }],
  ["a segment at a global's value", { segments: [], rawSegments: [[0, 0x23, 0, 0x0b, 0]] }],
];
for (const [reason, shape] of UNSUITABLE) {
  Deno.test(`extractMemory returns undefined for a module with ${reason}`, () => {
    assert.equal(extractMemory(moduleOf(shape)), undefined);
  });
}

Deno.test("extractMemory keeps passive segments, which a guest can copy later", () => {
  const bytes = moduleOf({
    segments: [],
    rawSegments: [[1, 2, 9, 9], active({ offset: 0, bytes: [5] })],
  });
  const { code, image } = extractMemory(bytes)!;
  assert.deepEqual([...image.bytes], [5]);
  assert.ok(Buffer.from(code).includes(Buffer.from([2, 1, 2, 9, 9, 1, 0])));
});

for (
  const [name, shape, maxBytes, limit, isOwnLimit] of [
    ["larder's default", {}, undefined, 1024 ** 3, false],
    ["a lower limit", {}, 3 * 65_536 + 1, 3 * 65_536, false],
    ["the largest memory", {}, 4 * 1024 ** 3, 4 * 1024 ** 3, true],
    ["the initial size", { initial: 5 }, 65_536, 5 * 65_536, false],
    ["the module's own maximum", { maximum: 2 }, 1024 ** 3, 2 * 65_536, true],
  ] as const
) {
  Deno.test(`MemoryPool limits a memory to ${name}`, () => {
    const image = { shape: { start: 0, initial: 1, ...shape }, bytes: new Uint8Array() };
    const pool = new MemoryPool(image, maxBytes);
    assert.deepEqual([pool.limit, pool.isOwnLimit], [limit, isOwnLimit]);
    if (limit > 1024 ** 2) return;
    const memory = pool.acquire();
    assert.throws(() => memory.grow((limit - memory.buffer.byteLength) / 65_536 + 1), RangeError);
  });
}
