import { wallNow } from "../clocks.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";
import { FileError } from "./error.ts";
import { OpenFile } from "./open_file.ts";
import type { OpenDirectory } from "./directory.ts";
import type { FileInfo, FileType, FolderEntry, NewTimes } from "./volume.ts";

/** Sets of names, as the transpiled script has them. */
type Flags = Readonly<Record<string, boolean | undefined>>;

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

type NewTimestamp =
  | { readonly tag: "no-change" }
  | { readonly tag: "now" }
  | { readonly tag: "timestamp"; readonly val: Datetime };

/** `wasi:filesystem/types`' directory-entry-stream. */
export class DirectoryEntryStream {
  #entries!: Iterator<FolderEntry>;

  static of(entries: readonly FolderEntry[]): DirectoryEntryStream {
    const stream = new DirectoryEntryStream();
    stream.#entries = entries.values();
    return stream;
  }

  readDirectoryEntry(): FolderEntry | undefined {
    return this.#entries.next().value;
  }
}

/** `wasi:filesystem/types`' descriptor: a folder or a file that a guest has open. */
export class Descriptor implements Disposable {
  #what!: OpenDirectory | OpenFile;

  static of(what: OpenDirectory | OpenFile): Descriptor {
    const descriptor = new Descriptor();
    descriptor.#what = what;
    return descriptor;
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

  /** What the guest is going to do with the file helps nobody here. */
  advise(): void {
    this.#file();
  }

  sync(): void {
    if (this.#what instanceof OpenFile) this.#what.sync();
  }

  syncData(): void {
    this.sync();
  }

  getFlags(): Flags {
    return this.#what instanceof OpenFile
      ? this.#what.mode
      : { read: true, mutateDirectory: !this.#what.isReadOnly };
  }

  getType(): FileType {
    return this.#what instanceof OpenFile ? "regular-file" : "directory";
  }

  setSize(size: bigint): void {
    this.#file().resize(size);
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    this.#what.setTimes(newTimes(accessed, modified));
  }

  stat(): object {
    return statOf(this.#what.info());
  }

  metadataHash(): object {
    return hashOf(this.#what.info());
  }

  isSameObject(other: Descriptor): boolean {
    const [a, b] = [this.#what.info(), other.#what.info()];
    return a.device === b.device && a.inode === b.inode;
  }

  readDirectory(): DirectoryEntryStream {
    return DirectoryEntryStream.of(this.#folder().list());
  }

  createDirectoryAt(path: string): void {
    this.#folder().makeFolder(path);
  }

  statAt(flags: Flags, path: string): object {
    return statOf(this.#folder().infoAt(path, follows(flags)));
  }

  metadataHashAt(flags: Flags, path: string): object {
    return hashOf(this.#folder().infoAt(path, follows(flags)));
  }

  setTimesAt(flags: Flags, path: string, accessed: NewTimestamp, modified: NewTimestamp): void {
    this.#folder().setTimesAt(path, follows(flags), newTimes(accessed, modified));
  }

  openAt(pathFlags: Flags, path: string, openFlags: Flags, flags: Flags): Descriptor {
    return Descriptor.of(
      this.#folder().open(path, {
        follow: follows(pathFlags),
        create: openFlags["create"] ?? false,
        exclusive: openFlags["exclusive"] ?? false,
        truncate: openFlags["truncate"] ?? false,
        folder: openFlags["directory"] ?? false,
        read: flags["read"] ?? false,
        write: flags["write"] ?? false,
      }),
    );
  }

  readlinkAt(path: string): string {
    return this.#folder().readLink(path);
  }

  linkAt(flags: Flags, path: string, to: Descriptor, newPath: string): void {
    this.#folder().link(path, follows(flags), to.#folder(), newPath);
  }

  symlinkAt(): void {
    this.#folder().makeLink();
  }

  renameAt(path: string, to: Descriptor, newPath: string): void {
    this.#folder().rename(path, to.#folder(), newPath);
  }

  removeDirectoryAt(path: string): void {
    this.#folder().removeFolder(path);
  }

  unlinkFileAt(path: string): void {
    this.#folder().removeFile(path);
  }

  [Symbol.dispose](): void {
    if (this.#what instanceof OpenFile) this.#what.release();
  }

  #file(): OpenFile {
    if (this.#what instanceof OpenFile) return this.#what;
    throw new FileError("is-directory");
  }

  #folder(): OpenDirectory {
    if (this.#what instanceof OpenFile) throw new FileError("not-directory");
    return this.#what;
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

/** Guests take it for the number of the object, so it must not change with what is written. */
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
