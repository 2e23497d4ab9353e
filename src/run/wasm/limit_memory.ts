import { joined } from "../../base/bytes.ts";
import { encodeSection, encodeU32, readContent, readSections, SECTION } from "./encoder.ts";
import { extractMemory, type MemoryShape, PAGE } from "./memory_image.ts";
import type { SectionReader } from "./reader.ts";

/** The memory that a guest's module may have, unless it asks for more to begin with. */
export const MAX_GUEST_MEMORY = 1024 * 1024 * 1024;

/** A core module whose memories cannot grow past {@link MAX_GUEST_MEMORY}, or past what they begin with. */
export interface LimitedModule {
  readonly code: Uint8Array<ArrayBuffer>;
  /** What its memory is to hold, where it imports that. */
  readonly image?: MemoryImage;
}

export interface MemoryImage {
  readonly shape: MemoryShape;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bits of a memory's limits. */
const MAXIMUM = 1;
const KNOWN = 7;

/**
 * Bounds the memories that a module has of its own: the one that most have is imported instead (see
 * {@link extractMemory}), and others are given a maximum.
 *
 * @throws MalformedWasm
 */
export function limitMemories(bytes: Uint8Array<ArrayBuffer>): LimitedModule {
  const taken = extractMemory(bytes);
  if (taken) return { code: taken.code, image: { shape: taken.memory, bytes: taken.image } };
  return { code: limited(bytes) };
}

interface Limits {
  readonly flags: number;
  /** Pages. */
  readonly initial: number;
  readonly maximum: number;
}

/** The module with a maximum for each of its memories. What they have together to grow by, each gets a like part of. */
function limited(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const memory = readSections(bytes).find(({ id }) => id === SECTION.memory);
  if (!memory) return bytes;
  const limits = readLimits(readContent(bytes, memory));
  // Of a proposal that V8 does not have, which refuses it.
  if (limits.some(({ flags }) => flags > KNOWN)) return bytes;
  const begin = limits.reduce((sum, { initial }) => sum + initial, 0);
  const growth = Math.max(0, Math.floor((MAX_GUEST_MEMORY / PAGE - begin) / limits.length));
  const entries = limits.map(({ flags, initial, maximum }) =>
    joined([
      encodeU32(flags | MAXIMUM),
      encodeU32(initial),
      encodeU32(Math.min(maximum, initial + growth)),
    ])
  );
  return joined([
    bytes.subarray(0, memory.start),
    encodeSection(SECTION.memory, [encodeU32(limits.length), ...entries]),
    bytes.subarray(memory.end),
  ]);
}

function readLimits(reader: SectionReader): Limits[] {
  return reader.list(() => {
    const flags = reader.byte();
    const initial = reader.u64();
    return { flags, initial, maximum: flags & MAXIMUM ? reader.u64() : Infinity };
  });
}
