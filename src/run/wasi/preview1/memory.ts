import { MAX_PATH_LENGTH } from "../filesystem/directory.ts";
import { MAX_READ } from "../io/input_stream.ts";
import { FileError } from "../filesystem/error.ts";
import { Errno } from "./errno.ts";

/** One place of memory that a guest names for reading or writing (`iovec`). */
interface Span {
  readonly pointer: number;
  readonly length: number;
}

/** The size of an `iovec` or `ciovec`: a pointer and a length. */
const SPAN_SIZE = 8;

/**
 * A guest's memory. What lies outside of it is an error that the guest sees.
 *
 * Views are made anew each time: the buffer is another one whenever the memory grew.
 */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;

  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  /** A part of the memory itself. */
  bytes(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    const start = unsigned32(pointer);
    const size = unsigned32(length);
    const buffer = this.#memory?.buffer as ArrayBuffer | undefined;
    if (!buffer || start + size > buffer.byteLength) throw new Errno("fault");
    return new Uint8Array(buffer, start, size);
  }

  view(pointer: number, length: number): DataView<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.bytes(pointer, length);
    return new DataView(buffer, byteOffset, byteLength);
  }

  path(pointer: number, length: number): string {
    if (unsigned32(length) > MAX_PATH_LENGTH) throw new FileError("name-too-long");
    return new TextDecoder().decode(this.bytes(pointer, length));
  }

  write(pointer: number, bytes: Uint8Array): void {
    this.bytes(pointer, bytes.length).set(bytes);
  }

  setU32(pointer: number, value: number): void {
    this.view(pointer, 4).setUint32(0, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.view(pointer, 8).setBigUint64(0, value, true);
  }

  /** A copy of what a list of places has, as far as the host takes it at a time. */
  gather(list: number, count: number): Uint8Array<ArrayBuffer> {
    const spans = this.#spans(list, count);
    const all = new Uint8Array(lengthOf(spans));
    let at = 0;
    for (const { pointer, length } of spans) {
      all.set(this.bytes(pointer, length), at);
      at += length;
    }
    return all;
  }

  /** How much fits into a list of places, as far as the host gives it at a time. */
  room(list: number, count: number): number {
    return lengthOf(this.#spans(list, count));
  }

  scatter(list: number, count: number, bytes: Uint8Array): void {
    let at = 0;
    for (const { pointer, length } of this.#spans(list, count)) {
      this.write(pointer, bytes.subarray(at, at + length));
      at += length;
    }
  }

  #spans(list: number, count: number): Span[] {
    const spans: Span[] = [];
    let left = MAX_READ;
    for (let i = 0; i < unsigned32(count) && left > 0; i++) {
      const view = this.view(unsigned32(list) + i * SPAN_SIZE, SPAN_SIZE);
      const length = Math.min(view.getUint32(4, true), left);
      spans.push({ pointer: view.getUint32(0, true), length });
      left -= length;
    }
    return spans;
  }
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { length }) => sum + length, 0);
}

/** A number of 32 bits, which WebAssembly hands over with a sign. */
export function unsigned32(number: number): number {
  return number < 0 ? number + 2 ** 32 : number;
}
