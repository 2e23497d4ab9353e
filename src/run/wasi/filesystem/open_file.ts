import { GUEST_READ, InputStream } from "../io/input_stream.ts";
import type { InstanceResources } from "../resources.ts";
import { OutputStream } from "../io/output_stream.ts";
import { FileError } from "./error.ts";
import type { FileChanges, FileInfo, NewTimes, VolumeFile } from "./volume.ts";

/** A file that a guest has open. It stays so until the last of its streams is dropped, too. */
export class OpenFile implements Disposable {
  readonly #file: VolumeFile;
  readonly #resources: InstanceResources;
  readonly mode: { readonly read: boolean; readonly write: boolean };
  #users = 1;
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

  /** At most `length` bytes, and no more than a guest is given at once; null at the end. */
  read(length: number | bigint, offset: bigint): Uint8Array | null {
    if (!this.mode.read) throw new FileError("bad-descriptor");
    const atMost = Number(length < GUEST_READ ? length : GUEST_READ);
    return atMost === 0 ? new Uint8Array() : this.#file.read(atMost, position(offset));
  }

  write(bytes: Uint8Array, offset: bigint): void {
    this.#changes().write(bytes, position(offset));
  }

  append(bytes: Uint8Array): void {
    this.#changes().append(bytes);
  }

  resize(size: bigint): void {
    this.#changes().resize(position(size));
  }

  setTimes(times: NewTimes): void {
    this.#changes().setTimes(times);
  }

  sync(): void {
    this.#file.sync();
  }

  readStream(offset: bigint): InputStream {
    if (!this.mode.read) throw new FileError("bad-descriptor");
    let at = offset;
    return InputStream.of((atMost) => {
      const bytes = this.read(atMost, at);
      at += BigInt(bytes?.length ?? 0);
      return bytes;
    }, this.#share());
  }

  writeStream(offset: bigint): OutputStream {
    this.#changes();
    let at = offset;
    return new OutputStream((bytes) => {
      this.write(bytes, at);
      at += BigInt(bytes.length);
    }, this.#share());
  }

  appendStream(): OutputStream {
    this.#changes();
    return new OutputStream((bytes) => this.append(bytes), this.#share());
  }

  /** Ends one use of it; the last one closes it. */
  release(): void {
    if (--this.#users > 0 || this.#isClosed) return;
    this.#resources.release(this);
    this[Symbol.dispose]();
  }

  /** Closes it, whoever uses it: the instance is over. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#file.close();
  }

  #share(): () => void {
    this.#users++;
    return () => this.release();
  }

  #changes(): FileChanges {
    if (!this.mode.write || !this.#file.changes) throw new FileError("bad-descriptor");
    return this.#file.changes;
  }
}

/** A place in a file as a number, which are exact up to 8 PiB. */
function position(offset: bigint): number {
  if (offset > Number.MAX_SAFE_INTEGER) throw new FileError("invalid");
  return Number(offset);
}
