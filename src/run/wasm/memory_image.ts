import { joined } from "../../base/bytes.ts";
import {
  encodeName,
  encodeSection,
  encodeU32,
  HEADER,
  readContent,
  readSections,
  SECTION,
  type Section,
} from "./encoder.ts";
import { importsMemory } from "./sections.ts";

/**
 * A core module whose memory is imported instead of defined, and what that memory has to hold when an instance
 * begins.
 *
 * Most of what an instance of a large guest costs are the page faults of its fresh memory: a JavaScript engine has
 * megabytes of data in thousands of segments. With this an instance can be given a used memory, written over.
 * What it sees is what the specification says: its active segments are in place before it starts, and are empty
 * from then on.
 */
export interface ExtractedMemory {
  readonly code: Uint8Array<ArrayBuffer>;
  readonly memory: MemoryShape;
  /** What the memory holds from {@link MemoryShape.start} on; all else is zero. */
  readonly image: Uint8Array<ArrayBuffer>;
}

export interface MemoryShape {
  /** Bytes; a multiple of 16, since V8 copies from shared memory byte by byte where the ends are not aligned. */
  readonly start: number;
  /** Pages. */
  readonly initial: number;
  /** Pages; undefined for a module that sets itself no limit. */
  readonly maximum?: number | undefined;
}

/** The import that is added. */
export const MEMORY_IMPORT = { module: "larder", name: "memory" } as const;

export const PAGE = 65_536;

const ALIGNMENT = 16;
const MEMORY_KIND = 2;
const I32_CONST = 0x41;
const END = 0x0b;
/** A passive segment of no bytes, which is what is left of an active one that has been applied. */
const APPLIED = Uint8Array.of(1, 0);

interface Segments {
  /** What is to be copied into the memory. */
  readonly active: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** Each as it is to stand in the module. */
  readonly rest: readonly Uint8Array[];
}

/**
 * Takes the memory out of a module.
 *
 * @param bytes a module; what is wrong with its code shows when it is compiled
 * @returns undefined for one of another shape: without a memory of its own or with several, with a shared or a
 * 64-bit one, with one that it imports, or with segments whose place is computed
 * @throws MalformedWasm
 */
export function extractMemory(bytes: Uint8Array): ExtractedMemory | undefined {
  const sections = readSections(bytes);
  if (hasForeignMemory(bytes, sections)) return undefined;
  const limits = readMemory(bytes, sections.find(({ id }) => id === SECTION.memory));
  const segments = limits &&
    readSegments(bytes, sections.find(({ id }) => id === SECTION.data));
  if (!segments) return undefined;
  const end = segments.active.reduce(
    (high, { offset, bytes }) => Math.max(high, offset + bytes.length),
    0,
  );
  if (end > limits.initial * PAGE) return undefined; // It traps, and is left to.
  const first = segments.active.reduce((low, { offset }) => Math.min(low, offset), end);
  const start = Math.floor(first / ALIGNMENT) * ALIGNMENT;
  const image = new Uint8Array(end - start);
  for (const { offset, bytes } of segments.active) image.set(bytes, offset - start);
  const { initial, maximum } = limits;
  return {
    code: rewrite(bytes, sections, limits.bytes, segments.rest),
    memory: { start, initial, maximum },
    image,
  };
}

/** Whether it imports a memory: that one is then the one that its segments and its code mean. */
function hasForeignMemory(bytes: Uint8Array, sections: readonly Section[]): boolean {
  const section = sections.find(({ id }) => id === SECTION.import);
  if (!section) return false;
  const reader = readContent(bytes, section);
  return reader.list(() => importsMemory(reader)).includes(true);
}

function readMemory(bytes: Uint8Array, section: Section | undefined) {
  if (!section) return undefined;
  const reader = readContent(bytes, section);
  if (reader.u32() !== 1) return undefined;
  const limits = bytes.subarray(reader.offset, section.end);
  const flags = reader.byte();
  if (flags > 1) return undefined; // Shared, or of 64 bits.
  const initial = reader.u32();
  return { bytes: limits, initial, maximum: flags === 1 ? reader.u32() : undefined };
}

function readSegments(bytes: Uint8Array, section: Section | undefined): Segments | undefined {
  const active: { offset: number; bytes: Uint8Array }[] = [];
  const rest: Uint8Array[] = [];
  if (!section) return { active, rest };
  const reader = readContent(bytes, section);
  for (let left = reader.u32(); left > 0; left--) {
    const start = reader.offset;
    const kind = reader.u32();
    if (kind === 1) {
      reader.skip(reader.u32());
      rest.push(bytes.subarray(start, reader.offset));
      continue;
    }
    if (kind !== 0 || reader.byte() !== I32_CONST) return undefined;
    const offset = reader.s32() >>> 0;
    if (reader.byte() !== END) return undefined;
    const length = reader.u32();
    active.push({ offset, bytes: bytes.subarray(reader.offset, reader.offset + length) });
    reader.skip(length);
    rest.push(APPLIED);
  }
  return { active, rest };
}

/** The module with its memory among the imports, and without what is in the image. */
function rewrite(
  bytes: Uint8Array,
  sections: readonly Section[],
  limits: Uint8Array,
  segments: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const entry = [
    encodeName(MEMORY_IMPORT.module),
    encodeName(MEMORY_IMPORT.name),
    Uint8Array.of(MEMORY_KIND),
    limits,
  ];
  const parts = [bytes.subarray(0, HEADER)];
  let imported = false;
  for (const each of sections) {
    const { id, start, end } = each;
    if (id === SECTION.import) {
      const reader = readContent(bytes, each);
      const count = encodeU32(reader.u32() + 1);
      parts.push(encodeSection(id, [count, bytes.subarray(reader.offset, end), ...entry]));
      imported = true;
      continue;
    }
    if (!imported && id > SECTION.import) {
      parts.push(encodeSection(SECTION.import, [encodeU32(1), ...entry]));
      imported = true;
    }
    if (id === SECTION.memory) continue;
    if (id === SECTION.data) {
      parts.push(encodeSection(id, [encodeU32(segments.length), ...segments]));
    } else parts.push(bytes.subarray(start, end));
  }
  return joined(parts);
}
