import { concatBytes } from "../../../base/bytes.ts";
import { encodeName, encodeSection, encodeU32 } from "../binary/encoder.ts";
import {
  HEADER,
  importedKind,
  MEMORY_KIND,
  readContent,
  readSections,
  SECTION,
  type Section,
} from "../binary/sections.ts";

/**
 * A core module that imports its memory instead of defining it, and the initial contents of that memory.
 *
 * Page faults of fresh memory are the main cost of an instance of a large guest: a JavaScript engine has megabytes of
 * data in thousands of segments. With an image, an instance can be given a used memory that is overwritten. It
 * observes what the specification says: its active segments are in place before it starts, and empty afterwards.
 */
export interface ExtractedMemory {
  readonly code: Uint8Array<ArrayBuffer>;
  readonly image: MemoryImage;
}

/** The initial contents of a memory. */
export interface MemoryImage {
  readonly shape: MemoryShape;
  /** Bytes from {@link MemoryShape.start} on; all others are zero. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface MemoryShape {
  /** Offset in bytes; a multiple of 16, because V8 copies from shared memory byte by byte if the ends are unaligned. */
  readonly start: number;
  /** In pages. */
  readonly initial: number;
  /** In pages; undefined if the module has no maximum. */
  readonly maximum?: number | undefined;
}

/** The import that replaces the memory. */
export const MEMORY_IMPORT = { module: "larder", name: "memory" } as const;

/** Bytes of a page of memory. */
export const PAGE = 65_536;

const ALIGNMENT = 16;
const I32_CONST = 0x41;
const END = 0x0b;
/** An empty passive segment, which replaces an active segment. */
const EMPTY_SEGMENT = Uint8Array.of(1, 0);

interface Segments {
  /** Segments to copy into the image. */
  readonly active: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** Encoded segments of the rewritten module. */
  readonly rest: readonly Uint8Array[];
}

/**
 * Extracts the memory of a module.
 *
 * @param bytes a module; its code is not validated
 * @returns undefined unless the module defines exactly one memory, neither shared nor 64-bit, imports none, and has
 * segments at constant offsets only
 * @throws MalformedWasm
 */
export function extractMemory(bytes: Uint8Array): ExtractedMemory | undefined {
  const sections = readSections(bytes);
  if (hasImportedMemory(bytes, sections)) return undefined;
  const limits = readMemory(bytes, sections.find(({ id }) => id === SECTION.memory));
  const segments = limits &&
    readSegments(bytes, sections.find(({ id }) => id === SECTION.data));
  if (!segments) return undefined;
  const end = segments.active.reduce(
    (high, { offset, bytes }) => Math.max(high, offset + bytes.length),
    0,
  );
  if (end > limits.initial * PAGE) return undefined; // It traps when it is instantiated.
  const first = segments.active.reduce((low, { offset }) => Math.min(low, offset), end);
  const start = Math.floor(first / ALIGNMENT) * ALIGNMENT;
  const image = new Uint8Array(end - start);
  for (const { offset, bytes } of segments.active) image.set(bytes, offset - start);
  const { initial, maximum } = limits;
  return {
    code: rewrite(bytes, sections, limits.bytes, segments.rest),
    image: { shape: { start, initial, maximum }, bytes: image },
  };
}

/** True if a module imports a memory, which its segments and its code refer to then. */
function hasImportedMemory(bytes: Uint8Array, sections: readonly Section[]): boolean {
  const section = sections.find(({ id }) => id === SECTION.import);
  if (!section) return false;
  const reader = readContent(bytes, section);
  return reader.list(() => importedKind(reader)).includes(MEMORY_KIND);
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
    rest.push(EMPTY_SEGMENT);
  }
  return { active, rest };
}

/** Returns the module with its memory as an import, and without the segments in the image. */
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
  let isImported = false;
  for (const each of sections) {
    const { id, start, end } = each;
    if (id === SECTION.import) {
      const reader = readContent(bytes, each);
      const count = encodeU32(reader.u32() + 1);
      parts.push(encodeSection(id, [count, bytes.subarray(reader.offset, end), ...entry]));
      isImported = true;
      continue;
    }
    if (!isImported && id > SECTION.import) {
      parts.push(encodeSection(SECTION.import, [encodeU32(1), ...entry]));
      isImported = true;
    }
    if (id === SECTION.memory) continue;
    if (id === SECTION.data) {
      parts.push(encodeSection(id, [encodeU32(segments.length), ...segments]));
    } else parts.push(bytes.subarray(start, end));
  }
  return concatBytes(parts);
}
