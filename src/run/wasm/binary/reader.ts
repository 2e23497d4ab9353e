/** A Wasm binary is malformed; the message has the reason and the offset. */
export class MalformedWasm extends Error {
  readonly truncated: boolean;

  constructor(reason: string, offset: number, { truncated = false }: { truncated?: boolean } = {}) {
    super(`${reason} at byte ${offset}`);
    this.truncated = truncated;
  }
}

/** Characters that could carry code into a generated script: quotes, escapes, line ends. No tool writes such names. */
const UNSAFE = /[\p{Cc}\u2028\u2029'"`\\]|\$\{/u;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the values in a section, and nothing past its end.
 * Source: WebAssembly core specification, "Binary Format", "Values".
 */
export class SectionReader {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #options: { readonly safeNames?: boolean; readonly isLast?: boolean };
  #position = 0;

  /**
   * @param base offset of the bytes in the file, for messages
   * @param options.safeNames true to refuse names that could carry code into a script
   * @param options.isLast true if the bytes are the last of the file, which is truncated if they end too early
   */
  constructor(
    bytes: Uint8Array,
    base: number,
    options: { safeNames?: boolean; isLast?: boolean } = {},
  ) {
    this.#bytes = bytes;
    this.#base = base;
    this.#options = options;
  }

  /** Number of bytes that were read. */
  get position(): number {
    return this.#position;
  }

  /** Offset of the next byte in the file. */
  get offset(): number {
    return this.#base + this.#position;
  }

  byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) {
      const truncated = this.#options.isLast;
      throw new MalformedWasm("a section ends early", this.offset, { truncated });
    }
    this.#position++;
    return byte;
  }

  skip(count: number): void {
    if (count > this.#bytes.length - this.#position) {
      throw this.malformed("an item runs past its section");
    }
    this.#position += count;
  }

  /** Reads an unsigned number of up to 32 bits. */
  u32(): number {
    return this.#unsigned(32);
  }

  /** Reads an unsigned number of up to 64 bits; it is inexact above 53 bits, which no size or count needs. */
  u64(): number {
    return this.#unsigned(64);
  }

  /** Reads a signed number of 32 bits. */
  s32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      return shift < 28 && (byte & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
    throw this.malformed("a number has more than 32 bits");
  }

  /** Skips a signed or unsigned number of up to `bits` bits. */
  skipNumber(bits: 33 | 64): void {
    for (let left = Math.ceil(bits / 7); left > 0; left--) {
      if (this.byte() < 0x80) return;
    }
    throw this.malformed(`a number has more than ${bits} bits`);
  }

  name(): string {
    const length = this.u32();
    const end = this.#position + length;
    if (end > this.#bytes.length) throw this.malformed("a name runs past its section");
    const name = this.#decode(this.#bytes.subarray(this.#position, end));
    if (this.#options.safeNames && UNSAFE.test(name)) {
      throw this.malformed("a name has characters that no tool writes");
    }
    this.#position = end;
    return name;
  }

  /** Reads a count, and that many items. */
  list<T>(read: () => T): T[] {
    const count = this.u32();
    // An item has at least one byte: nothing is allocated for items that cannot be there.
    if (count > this.#bytes.length - this.#position) throw this.malformed("a count is too high");
    return Array.from({ length: count }, read);
  }

  /** Fails if bytes are left over. */
  end(): void {
    if (this.#position < this.#bytes.length) throw this.malformed("a section has bytes left over");
  }

  malformed(reason: string): MalformedWasm {
    return new MalformedWasm(reason, this.offset);
  }

  #unsigned(bits: 32 | 64): number {
    let value = 0;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.byte();
      const part = byte & 0x7f;
      if (shift + 7 > bits && part >= 2 ** (bits - shift)) break;
      value += part * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.malformed(`a number has more than ${bits} bits`);
  }

  #decode(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.malformed("a name is not UTF-8");
    }
  }
}
