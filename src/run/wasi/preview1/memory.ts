import { MAX_PATH_LENGTH } from "../filesystem/directory.ts";
import { FileError } from "../filesystem/error.ts";
import { MAX_READ } from "../io/input_stream.ts";
import { Errno } from "./errno.ts";

/** A buffer in the guest's memory (`iovec`, `ciovec`). */
interface Iovec {
  readonly pointer: number;
  readonly length: number;
}

/** Bytes of an `iovec` or `ciovec`: a pointer and a length. */
const IOVEC_SIZE = 8;

/**
 * A guest's memory. Access outside of it throws `Errno` with `fault`.
 *
 * Every access creates a view, because the memory has another buffer after it has grown.
 */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;

  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  /** Returns a view of the memory, not a copy. */
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
    const bytes = this.bytes(pointer, length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new FileError("illegal-byte-sequence");
    }
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

  /** Copies the contents of a list of buffers, up to {@link MAX_READ}. */
  gather(list: number, count: number): Uint8Array<ArrayBuffer> {
    const iovecs = this.#iovecs(list, count);
    const all = new Uint8Array(totalLength(iovecs));
    let offset = 0;
    for (const { pointer, length } of iovecs) {
      all.set(this.bytes(pointer, length), offset);
      offset += length;
    }
    return all;
  }

  /** Returns how many bytes fit into a list of buffers, up to {@link MAX_READ}. */
  room(list: number, count: number): number {
    return totalLength(this.#iovecs(list, count));
  }

  /** Writes bytes into a list of buffers. */
  scatter(list: number, count: number, bytes: Uint8Array): void {
    let offset = 0;
    for (const { pointer, length } of this.#iovecs(list, count)) {
      this.write(pointer, bytes.subarray(offset, offset + length));
      offset += length;
    }
  }

  #iovecs(list: number, count: number): Iovec[] {
    const iovecs: Iovec[] = [];
    let remaining = MAX_READ;
    for (let i = 0; i < unsigned32(count) && remaining > 0; i++) {
      const view = this.view(unsigned32(list) + i * IOVEC_SIZE, IOVEC_SIZE);
      const length = Math.min(view.getUint32(4, true), remaining);
      iovecs.push({ pointer: view.getUint32(0, true), length });
      remaining -= length;
    }
    return iovecs;
  }
}

function totalLength(iovecs: readonly Iovec[]): number {
  return iovecs.reduce((sum, { length }) => sum + length, 0);
}

/** Converts a 32-bit number, which WebAssembly passes with a sign. */
export function unsigned32(number: number): number {
  return number < 0 ? number + 2 ** 32 : number;
}

/** Converts a 64-bit number, which WebAssembly passes with a sign. */
export function unsigned64(number: bigint): bigint {
  return BigInt.asUintN(64, number);
}
