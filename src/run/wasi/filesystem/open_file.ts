import { InputStream, MAX_READ } from "../io/input_stream.ts";
import { OutputStream } from "../io/output_stream.ts";
import type { InstanceResources } from "../resources.ts";
import { FileError } from "./error.ts";
import type { FileInfo, FileWriter, NewTimes, VolumeFile } from "./volume.ts";

/** A file that a guest has open. It closes once the guest has dropped its descriptor and all of its streams. */
export class OpenFile implements Disposable {
  readonly #file: VolumeFile;
  readonly #resources: InstanceResources;
  readonly mode: { readonly read: boolean; readonly write: boolean };
  #references = 1;
  #isClosed = false;

  constructor(file: VolumeFile, mode: OpenFile["mode"], resources: InstanceResources) {
    this.#file = file;
    this.mode = mode;
    this.#resources = resources;
    resources.hold(this);
  }

  info(): FileInfo {
    return this.#file.info();
  }

  /** Reads at most `length` bytes and at most {@link MAX_READ}; null at the end. */
  read(length: number | bigint, offset: bigint): Uint8Array | null {
    if (!this.mode.read) throw new FileError("bad-descriptor");
    const atMost = Number(length < MAX_READ ? length : MAX_READ);
    return atMost === 0 ? new Uint8Array() : this.#file.read(atMost, position(offset));
  }

  write(bytes: Uint8Array, offset: bigint): void {
    this.#writer().write(bytes, position(offset));
  }

  append(bytes: Uint8Array): void {
    this.#writer().append(bytes);
  }

  resize(size: bigint): void {
    this.#writer().resize(position(size));
  }

  setTimes(times: NewTimes): void {
    this.#writer().setTimes(times);
  }

  sync(): void {
    this.#file.sync();
  }

  readStream(offset: bigint): InputStream {
    if (!this.mode.read) throw new FileError("bad-descriptor");
    let next = offset;
    return InputStream.of((atMost) => {
      const bytes = this.read(atMost, next);
      next += BigInt(bytes?.length ?? 0);
      return bytes;
    }, this.#share());
  }

  writeStream(offset: bigint): OutputStream {
    this.#writer();
    let next = offset;
    return new OutputStream((bytes) => {
      this.write(bytes, next);
      next += BigInt(bytes.length);
    }, this.#share());
  }

  appendStream(): OutputStream {
    this.#writer();
    return new OutputStream((bytes) => this.append(bytes), this.#share());
  }

  /** Drops one reference; the last one closes the file. */
  release(): void {
    if (--this.#references > 0 || this.#isClosed) return;
    this.#resources.release(this);
    this[Symbol.dispose]();
  }

  /** Closes the file at the end of the instance, whatever still refers to it. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#file.close();
  }

  #share(): () => void {
    this.#references++;
    return () => this.release();
  }

  #writer(): FileWriter {
    if (!this.mode.write || !this.#file.writer) throw new FileError("bad-descriptor");
    return this.#file.writer;
  }
}

/** Converts an offset to a number, which is exact up to 8 PiB. */
function position(offset: bigint): number {
  if (offset > Number.MAX_SAFE_INTEGER) throw new FileError("invalid");
  return Number(offset);
}
