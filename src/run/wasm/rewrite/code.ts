/** Reads and rewrites the functions of a core module. */
import { concatBytes } from "../../../base/bytes.ts";
import { encodeSection, encodeU32 } from "../binary/encoder.ts";
import { type Expression, isPlain, readExpression } from "../binary/instructions.ts";
import type { SectionReader } from "../binary/reader.ts";
import { HEADER, readContent, type Section } from "../binary/sections.ts";

/** What a section gets: further entries, or other ones. */
export interface Addition {
  readonly entries: readonly Uint8Array[];
  readonly replaces?: boolean;
}

/** A function's body. */
export interface Body extends Expression {
  /** Offset after the number of its bytes. */
  readonly start: number;
  /** Offset of its first instruction. */
  readonly first: number;
}

/** Undefined if a body has instructions or locals that are not known here. */
export function readBodies(
  bytes: Uint8Array,
  reader: SectionReader | undefined,
): Body[] | undefined {
  const bodies: Body[] = [];
  for (let left = reader?.u32() ?? 0; left > 0; left--) {
    const size = reader!.u32();
    const start = reader!.offset;
    const locals = reader!.list(() => {
      reader!.u32();
      return isPlain(reader!.byte());
    });
    const first = reader!.offset;
    const expression = readExpression(bytes, first);
    if (!locals.every(Boolean) || expression?.end !== start + size) return undefined;
    bodies.push({ start, first, ...expression });
    reader!.skip(expression.end - reader!.offset);
  }
  return bodies;
}

/** Returns an encoded body after the number of its bytes. */
export function sized(body: Uint8Array): Uint8Array {
  return concatBytes([encodeU32(body.length), body]);
}

/** Sections that get something, in the order of a module; tags (13) are before globals, and 12 before code. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** Returns a module whose sections have further or other entries; sections that it lacks are made. */
export function addToSections(
  bytes: Uint8Array,
  sections: readonly Section[],
  added: ReadonlyMap<number, Addition>,
): Uint8Array<ArrayBuffer> {
  const parts = [bytes.subarray(0, HEADER)];
  const left = new Map(added);
  const putBefore = (position: number) => {
    for (const [id, { entries }] of left) {
      if (ORDER.indexOf(id) >= position) continue;
      parts.push(encodeSection(id, [encodeU32(entries.length), ...entries]));
      left.delete(id);
    }
  };
  for (const section of sections) {
    const { id, start, end } = section;
    // Custom sections can be anywhere.
    if (id !== 0) putBefore(ORDER.indexOf(id));
    const addition = left.get(id);
    left.delete(id);
    if (!addition) {
      parts.push(bytes.subarray(start, end));
      continue;
    }
    const { entries, replaces } = addition;
    const reader = readContent(bytes, section);
    const before = reader.u32();
    const count = encodeU32(replaces ? entries.length : before + entries.length);
    const rest = replaces ? [] : [bytes.subarray(reader.offset, end)];
    parts.push(encodeSection(id, [count, ...rest, ...entries]));
  }
  putBefore(ORDER.length);
  return concatBytes(parts);
}
