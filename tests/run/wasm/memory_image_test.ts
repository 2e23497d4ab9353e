import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { extractMemory, MEMORY_IMPORT, PAGE } from "../../../src/run/wasm/memory_image.ts";
import { MemoryPool } from "../../../src/run/wasm/memory_pool.ts";
import {
  type Bytes,
  list,
  MODULE_HEADER,
  name,
  section,
  u32,
} from "../../support/wasm/wasm_encoder.ts";

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

/** A module that exports its memory, and a global so that there is something behind the memory. */
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

/** The memory that an instance of the module has as it is, and the one that it has with the image. */
async function both(bytes: Uint8Array<ArrayBuffer>, memories?: MemoryPool) {
  const functions = { a: { b: () => {} } };
  const plain = await WebAssembly.instantiate(bytes, functions);
  const taken = extractMemory(bytes)!;
  const memory = (memories ?? new MemoryPool(taken.memory, taken.image)).acquire();
  const imports = { ...functions, [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  const imaged = await WebAssembly.instantiate(taken.code, imports);
  assert.equal((imaged.instance.exports.global as WebAssembly.Global).value, 7);
  return { plain: memoryOf(plain.instance), imaged: memoryOf(imaged.instance), memory };
}

const segment = fc.record({
  offset: fc.integer({ min: 0, max: 2 * PAGE - 40 }),
  bytes: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
});

Deno.test("an instance begins with the same memory, whatever its segments", async () => {
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

Deno.test("a used memory is as a new one, whatever the last guest wrote", async () => {
  const bytes = moduleOf({ segments: [{ offset: 70_000, bytes: [1, 2, 3] }] });
  const { memory, image } = extractMemory(bytes)!;
  const memories = new MemoryPool(memory, image);
  const first = await both(bytes, memories);
  first.imaged.fill(0xff);
  memories.release(first.memory);
  const second = await both(bytes, memories);
  assert.equal(second.memory, first.memory);
  assert.ok(Buffer.compare(second.plain, second.imaged) === 0);
});

Deno.test("a memory that has grown is not used again", () => {
  const { memory, image } = extractMemory(moduleOf({ segments: [] }))!;
  const memories = new MemoryPool(memory, image);
  const first = memories.acquire();
  first.grow(1);
  memories.release(first);
  assert.notEqual(memories.acquire(), first);
});

Deno.test("a memory grows no further than its module says, nor without end", () => {
  const limited = extractMemory(moduleOf({ segments: [], maximum: 3 }))!;
  const memory = new MemoryPool(limited.memory, limited.image).acquire();
  assert.equal(memory.grow(1), 2);
  assert.throws(() => memory.grow(1), RangeError);
  const free = extractMemory(moduleOf({ segments: [] }))!;
  assert.throws(() => new MemoryPool(free.memory, free.image).acquire().grow(20_000), RangeError);
});

const LEFT_ALONE: [reason: string, shape: Shape][] = [
  ["no memory", { segments: [], memories: [] }],
  ["a shared memory", { segments: [], memories: [[3, 1, 2]] }],
  ["two memories", { segments: [], memories: [[0, 1], [0, 1]] }],
  ["a segment that does not fit", { segments: [{ offset: 2 * PAGE - 1, bytes: [1, 2] }] }],
  ["a segment at a global's value", { segments: [], rawSegments: [[0, 0x23, 0, 0x0b, 0]] }],
];
for (const [reason, shape] of LEFT_ALONE) {
  Deno.test(`a module with ${reason} is left as it is`, () => {
    assert.equal(extractMemory(moduleOf(shape)), undefined);
  });
}

Deno.test("passive segments stay, since a guest may copy them later", () => {
  const bytes = moduleOf({
    segments: [],
    rawSegments: [[1, 2, 9, 9], active({ offset: 0, bytes: [5] })],
  });
  const { code, image } = extractMemory(bytes)!;
  assert.deepEqual([...image], [5]);
  assert.ok(Buffer.from(code).includes(Buffer.from([2, 1, 2, 9, 9, 1, 0])));
});
