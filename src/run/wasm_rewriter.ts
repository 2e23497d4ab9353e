import { joined } from "../base/bytes.ts";
import { MalformedWasm } from "./wasm_reader.ts";

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
  const cursor = new Cursor(bytes, HEADER);
  const sections: Section[] = [];
  while (cursor.at < bytes.length) {
    const start = cursor.at;
    const id = cursor.byte();
    const size = cursor.u64();
    const content = cursor.at;
    cursor.skip(size);
    sections.push({ id, start, content, end: cursor.at });
  }
  return sections;
}

/** Reads the bytes of a module, which may be damaged: past their end it throws MalformedWasm. */
export class Cursor {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  byte(): number {
    this.skip(1);
    return this.#bytes[this.#at - 1]!;
  }

  skip(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new MalformedWasm("it ends", this.#at);
    this.#at += count;
  }

  /** A number without a sign; one of more than 53 bits, which none is that counts what there can be, is not exact. */
  u64(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  i32(): number {
    let value = 0;
    for (let shift = 0;;) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
    }
  }
}

/** A number without a sign, as LEB128. */
export function leb(value: number): Uint8Array {
  const bytes: number[] = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return Uint8Array.from(bytes);
}

/** A name. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return joined([leb(bytes.length), bytes]);
}

export function section(id: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = joined(parts);
  return joined([Uint8Array.of(id), leb(content.length), content]);
}
