import { concatBytes } from "../../../base/bytes.ts";
import { encodeU32, replaceSection } from "../binary/encoder.ts";
import { extractMemory, type MemoryImage, PAGE } from "./memory_image.ts";
import type { SectionReader } from "../binary/reader.ts";
import { LIMITS, readContent, readSections, SECTION } from "../binary/sections.ts";

/** Bytes to which the memories of a guest's module can grow together, unless they are larger from the beginning. */
export const MAX_GUEST_MEMORY = 1024 * 1024 * 1024;

/** A core module whose memories cannot grow past {@link MAX_GUEST_MEMORY}, or past their initial size. */
export interface LimitedModule {
  readonly code: Uint8Array<ArrayBuffer>;
  /** Initial contents of the memory, if the module imports it. */
  readonly image?: MemoryImage;
}

/**
 * Limits the memories that a module defines. A single memory is imported instead ({@link extractMemory}); others get
 * a maximum.
 *
 * @throws MalformedWasm
 */
export function limitMemories(bytes: Uint8Array<ArrayBuffer>): LimitedModule {
  return extractMemory(bytes) ?? { code: withMaximums(bytes) };
}

interface Limits {
  readonly flags: number;
  /** In pages. */
  readonly initial: number;
  /** In pages. */
  readonly maximum: number;
}

/** Returns a module with a maximum for each of its memories, which can grow by equal shares of the rest. */
function withMaximums(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const memory = readSections(bytes).find(({ id }) => id === SECTION.memory);
  if (!memory) return bytes;
  const limits = readLimits(readContent(bytes, memory));
  // V8 refuses the module: the flags are of a proposal that it lacks.
  if (limits.some(({ flags }) => flags >= LIMITS.hasPageSize)) return bytes;
  const initialPages = limits.reduce((sum, { initial }) => sum + initial, 0);
  const growth = Math.max(0, Math.floor((MAX_GUEST_MEMORY / PAGE - initialPages) / limits.length));
  const entries = limits.map(({ flags, initial, maximum }) =>
    concatBytes([
      encodeU32(flags | LIMITS.hasMaximum),
      encodeU32(initial),
      encodeU32(Math.min(maximum, initial + growth)),
    ])
  );
  return replaceSection(bytes, memory, [encodeU32(limits.length), ...entries]);
}

function readLimits(reader: SectionReader): Limits[] {
  return reader.list(() => {
    const flags = reader.byte();
    const initial = reader.u64();
    return { flags, initial, maximum: flags & LIMITS.hasMaximum ? reader.u64() : Infinity };
  });
}
