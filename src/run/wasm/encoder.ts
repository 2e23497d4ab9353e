import { joined } from "../../base/bytes.ts";
import { SectionReader } from "./reader.ts";

/** A section of a core module. */
export interface Section {
  readonly id: number;
  /** Where it begins, its content begins, and it ends. */
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** Bytes before the first section. */
export const HEADER = 8;

/** Sections by their numbers. */
export const SECTION = { import: 2, memory: 5, data: 11 };

/**
 * The sections of a core module.
 * @throws MalformedWasm
 */
export function readSections(bytes: Uint8Array): Section[] {
  const reader = new SectionReader(bytes.subarray(HEADER), HEADER);
  const sections: Section[] = [];
  while (reader.offset < bytes.length) {
    const start = reader.offset;
    const id = reader.byte();
    const size = reader.u32();
    const content = reader.offset;
    reader.skip(size);
    sections.push({ id, start, content, end: reader.offset });
  }
  return sections;
}

/** Reads what a section of a module has in it. */
export function readContent(bytes: Uint8Array, { content, end }: Section): SectionReader {
  return new SectionReader(bytes.subarray(content, end), content);
}

/** A number without a sign, as LEB128. */
export function encodeU32(value: number): Uint8Array {
  const bytes: number[] = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return Uint8Array.from(bytes);
}

/** A name. */
export function encodeName(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return joined([encodeU32(bytes.length), bytes]);
}

export function encodeSection(id: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = joined(parts);
  return joined([Uint8Array.of(id), encodeU32(content.length), content]);
}
