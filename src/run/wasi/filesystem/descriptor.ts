import { wallNow } from "../clocks.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";
import type { OpenDirectory } from "./directory.ts";
import { FileError } from "./error.ts";
import { OpenFile } from "./open_file.ts";
import type { DirectoryEntry, FileInfo, FileType, NewTimes } from "./volume.ts";

/** WIT's `flags` as transpiled code passes them. */
type Flags = Readonly<Record<string, boolean | undefined>>;

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

type NewTimestamp =
  | { readonly tag: "no-change" }
  | { readonly tag: "now" }
  | { readonly tag: "timestamp"; readonly val: Datetime };

/** `directory-entry-stream` of `wasi:filesystem/types`. */
export class DirectoryEntryStream {
  readonly #entries: Iterator<DirectoryEntry>;

  constructor(entries: readonly DirectoryEntry[]) {
    this.#entries = entries.values();
  }

  readDirectoryEntry(): DirectoryEntry | undefined {
    return this.#entries.next().value;
  }
}

/** `descriptor` of `wasi:filesystem/types`: a directory or a file that a guest has open. */
export class Descriptor implements Disposable {
  readonly #target: OpenDirectory | OpenFile;

  constructor(target: OpenDirectory | OpenFile) {
    this.#target = target;
  }

  readViaStream(offset: bigint): InputStream {
    return this.#file().readStream(offset);
  }

  writeViaStream(offset: bigint): OutputStream {
    return this.#file().writeStream(offset);
  }

  appendViaStream(): OutputStream {
    return this.#file().appendStream();
  }

  read(length: bigint, offset: bigint): [bytes: Uint8Array, isAtEnd: boolean] {
    const bytes = this.#file().read(length, offset);
    return [bytes ?? new Uint8Array(), bytes === null];
  }

  write(bytes: Uint8Array, offset: bigint): bigint {
    this.#file().write(bytes, offset);
    return BigInt(bytes.length);
  }

  /** Ignores the advice: Deno has no `fadvise`. */
  advise(): void {
    this.#file();
  }

  sync(): void {
    if (this.#target instanceof OpenFile) this.#target.sync();
  }

  syncData(): void {
    this.sync();
  }

  getFlags(): Flags {
    return this.#target instanceof OpenFile
      ? this.#target.mode
      : { read: true, mutateDirectory: !this.#target.isReadOnly };
  }

  getType(): FileType {
    return this.#target instanceof OpenFile ? "regular-file" : "directory";
  }

  setSize(size: bigint): void {
    this.#file().resize(size);
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    this.#target.setTimes(newTimes(accessed, modified));
  }

  stat(): object {
    return statOf(this.#target.info());
  }

  metadataHash(): object {
    return hashOf(this.#target.info());
  }

  isSameObject(other: Descriptor): boolean {
    const [a, b] = [this.#target.info(), other.#target.info()];
    return a.device === b.device && a.inode === b.inode;
  }

  readDirectory(): DirectoryEntryStream {
    return new DirectoryEntryStream(this.#directory().list());
  }

  createDirectoryAt(path: string): void {
    this.#directory().createDirectory(path);
  }

  statAt(flags: Flags, path: string): object {
    return statOf(this.#directory().infoAt(path, follows(flags)));
  }

  metadataHashAt(flags: Flags, path: string): object {
    return hashOf(this.#directory().infoAt(path, follows(flags)));
  }

  setTimesAt(flags: Flags, path: string, accessed: NewTimestamp, modified: NewTimestamp): void {
    this.#directory().setTimesAt(path, follows(flags), newTimes(accessed, modified));
  }

  openAt(pathFlags: Flags, path: string, openFlags: Flags, flags: Flags): Descriptor {
    return new Descriptor(
      this.#directory().open(path, {
        follow: follows(pathFlags),
        create: openFlags["create"] ?? false,
        exclusive: openFlags["exclusive"] ?? false,
        truncate: openFlags["truncate"] ?? false,
        directory: openFlags["directory"] ?? false,
        read: flags["read"] ?? false,
        write: flags["write"] ?? false,
      }),
    );
  }

  readlinkAt(path: string): string {
    return this.#directory().readLink(path);
  }

  linkAt(flags: Flags, path: string, to: Descriptor, newPath: string): void {
    this.#directory().link(path, follows(flags), to.#directory(), newPath);
  }

  symlinkAt(target: string, path: string): void {
    this.#directory().createSymlink(target, path);
  }

  renameAt(path: string, to: Descriptor, newPath: string): void {
    this.#directory().rename(path, to.#directory(), newPath);
  }

  removeDirectoryAt(path: string): void {
    this.#directory().removeDirectory(path);
  }

  unlinkFileAt(path: string): void {
    this.#directory().removeFile(path);
  }

  [Symbol.dispose](): void {
    if (this.#target instanceof OpenFile) this.#target.release();
  }

  #file(): OpenFile {
    if (this.#target instanceof OpenFile) return this.#target;
    throw new FileError("is-directory");
  }

  #directory(): OpenDirectory {
    if (this.#target instanceof OpenFile) throw new FileError("not-directory");
    return this.#target;
  }
}

function follows(flags: Flags): boolean {
  return flags["symlinkFollow"] ?? false;
}

function statOf(info: FileInfo): object {
  return {
    type: info.type,
    linkCount: info.links,
    size: info.size,
    dataAccessTimestamp: datetimeOf(info.accessed),
    dataModificationTimestamp: datetimeOf(info.modified),
    statusChangeTimestamp: datetimeOf(info.changed),
  };
}

/** Returns a hash that writing does not change, because guests use it as the identity of the file. */
function hashOf({ device, inode }: FileInfo): object {
  return { upper: device, lower: inode };
}

function datetimeOf(nanoseconds: bigint): Datetime {
  return {
    seconds: nanoseconds / 1_000_000_000n,
    nanoseconds: Number(nanoseconds % 1_000_000_000n),
  };
}

function newTimes(accessed: NewTimestamp, modified: NewTimestamp): NewTimes {
  return { accessed: timeOf(accessed), modified: timeOf(modified) };
}

function timeOf(time: NewTimestamp): bigint | undefined {
  if (time.tag === "no-change") return undefined;
  if (time.tag === "now") return wallNow();
  return time.val.seconds * 1_000_000_000n + BigInt(time.val.nanoseconds);
}
