/** What is wrong with a Wasm binary, and the offset of the byte where it is. */
export class MalformedWasm extends Error {
  readonly truncated: boolean;

  constructor(reason: string, offset: number, { truncated = false }: { truncated?: boolean } = {}) {
    super(`${reason} at byte ${offset}`);
    this.truncated = truncated;
  }
}

/**
 * What a transpiler could carry over into the text of a script: quotes, escapes, line ends. No tool writes names
 * with these.
 */
const SCRIPTED = /[\p{Cc}\u2028\u2029'"`\\]|\$\{/u;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the values of which a section is made, and nothing past it.
 * Source: WebAssembly core specification, "Binary Format", "Values".
 */
export class SectionReader {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #options: { readonly plainNames?: boolean; readonly last?: boolean };
  #position = 0;

  /**
   * @param base the offset of the bytes in the file, for messages
   * @param options.plainNames whether names that could carry code into a script are refused
   * @param options.last whether these are the last bytes of the file: it is truncated if they end too early
   */
  constructor(
    bytes: Uint8Array,
    base: number,
    options: { plainNames?: boolean; last?: boolean } = {},
  ) {
    this.#bytes = bytes;
    this.#base = base;
    this.#options = options;
  }

  /** Bytes that have been read. */
  get position(): number {
    return this.#position;
  }

  /** Where in the file the next byte is. */
  get offset(): number {
    return this.#base + this.#position;
  }

  byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) {
      const truncated = this.#options.last;
      throw new MalformedWasm("a section ends", this.offset, { truncated });
    }
    this.#position++;
    return byte;
  }

  skip(count: number): void {
    if (count > this.#bytes.length - this.#position) {
      throw this.malformed("what it has runs past its section");
    }
    this.#position += count;
  }

  /** A number of up to 32 bits, unsigned. */
  u32(): number {
    return this.#unsigned(32);
  }

  /** A number of up to 64 bits, unsigned; one of more than 53 bits, which counts nothing that there can be, is inexact. */
  u64(): number {
    return this.#unsigned(64);
  }

  /** A number of 32 bits, signed. */
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

  /** Passes over a number of up to `bits` bits, signed or not. */
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
    if (this.#options.plainNames && SCRIPTED.test(name)) {
      throw this.malformed("a name has characters that no tool writes");
    }
    this.#position = end;
    return name;
  }

  /** Reads as many as the number says that stands first. */
  list<T>(read: () => T): T[] {
    const count = this.u32();
    // Each takes a byte at least: nothing is allotted for what cannot be there.
    if (count > this.#bytes.length - this.#position) throw this.malformed("a count is too high");
    return Array.from({ length: count }, read);
  }

  /** Checks that all has been read. */
  end(): void {
    if (this.#position < this.#bytes.length) throw this.malformed("a section goes on");
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
