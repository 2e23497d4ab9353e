import { concatBytes } from "../../../base/bytes.ts";
import type { Section } from "./sections.ts";

/** Encodes an unsigned number as LEB128. */
export function encodeU32(value: number): Uint8Array {
  const bytes: number[] = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return Uint8Array.from(bytes);
}

export function encodeName(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return concatBytes([encodeU32(bytes.length), bytes]);
}

/** Returns a module in which a section has other content. */
export function replaceSection(
  module: Uint8Array,
  { id, start, end }: Section,
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  return concatBytes([module.subarray(0, start), encodeSection(id, parts), module.subarray(end)]);
}

export function encodeSection(id: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(parts);
  return concatBytes([Uint8Array.of(id), encodeU32(content.length), content]);
}
