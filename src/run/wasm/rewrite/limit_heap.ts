import { encodeU32, replaceSection } from "../binary/encoder.ts";
import type { SectionReader } from "../binary/reader.ts";
import { LIMITS, readContent, readSections, SECTION } from "../binary/sections.ts";

/**
 * Tables, exceptions and objects of Wasm's garbage collection are in V8's heap, whose end is the end of the process, with
 * all guests: 60 tables of 10 million elements take 4 GiB.
 */

/** Elements of all tables of a module at the beginning. Programs have one for each function that has a pointer. */
const MAX_ELEMENTS = 1_000_000;

/** Elements by which a table can grow. Programs of today do not grow any. */
const MAX_GROWTH = 10_000;

/** Codes of types. Source: WebAssembly core specification, "Binary Format", "Types". */
const FUNCTION = 0x60;
const EXCEPTION = 0x69;
const REFERENCES = [0x63, 0x64];
/** A table with a value for its elements. */
const WITH_VALUE = 0x40;

/**
 * Limits what a core module can allocate in V8's heap.
 * @returns the module, in which each table has a maximum
 * @throws MalformedWasm, also if it could allocate without limit
 */
export function limitHeap(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const sections = readSections(bytes);
  const types = sections.find(({ id }) => id === SECTION.type);
  if (types) checkTypes(readContent(bytes, types));
  const tables = sections.find(({ id }) => id === SECTION.table);
  if (!tables) return bytes;
  return replaceSection(bytes, tables, withMaximums(bytes, readContent(bytes, tables)));
}

/** Refuses types of objects, and exceptions that could refer to others. */
function checkTypes(reader: SectionReader): void {
  for (let left = reader.u32(); left > 0; left--) {
    if (reader.byte() !== FUNCTION) {
      throw reader.malformed("garbage-collected types, whose memory has no limit,");
    }
    for (let params = reader.u32(); params > 0; params--) {
      if (valueType(reader) === EXCEPTION) {
        throw reader.malformed("an exception that can refer to others, without a limit,");
      }
    }
    for (let results = reader.u32(); results > 0; results--) valueType(reader);
  }
}

/** Reads a value type, and returns its code: of a reference, that of what it refers to, or 0 for another type. */
function valueType(reader: SectionReader): number {
  const code = reader.byte();
  if (!REFERENCES.includes(code)) return code;
  const heap = reader.byte();
  for (let last = heap; last >= 0x80;) last = reader.byte();
  return heap;
}

function withMaximums(bytes: Uint8Array, reader: SectionReader): Uint8Array[] {
  const count = reader.u32();
  const parts = [encodeU32(count)];
  let elements = 0;
  for (let left = count; left > 0; left--) {
    const start = reader.offset;
    if (valueType(reader) === WITH_VALUE) throw reader.malformed("a table with a value");
    const type = bytes.subarray(start, reader.offset);
    const flags = reader.byte();
    if (flags >= LIMITS.hasPageSize) throw reader.malformed("limits of an unknown kind");
    const initial = reader.u64();
    const maximum = flags & LIMITS.hasMaximum ? reader.u64() : Infinity;
    elements += initial;
    const limit = Math.min(maximum, initial + MAX_GROWTH);
    parts.push(
      type,
      Uint8Array.of(flags | LIMITS.hasMaximum),
      encodeU32(initial),
      encodeU32(limit),
    );
  }
  if (elements > MAX_ELEMENTS) throw reader.malformed(`tables of ${elements} elements`);
  return parts;
}
