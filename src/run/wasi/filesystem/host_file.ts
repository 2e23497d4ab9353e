import { attempt, FileError } from "./error.ts";
import type { FileChanges, FileInfo, FileType, NewTimes, VolumeFile } from "./volume.ts";

/** An open file of the host. */
export class HostFile implements VolumeFile, FileChanges {
  readonly #file: Deno.FsFile;
  readonly changes: FileChanges | undefined;

  constructor(file: Deno.FsFile, mayWrite: boolean) {
    this.#file = file;
    this.changes = mayWrite ? this : undefined;
  }

  info(): FileInfo {
    return infoOf(attempt(() => this.#file.statSync()));
  }

  read(length: number, offset: number): Uint8Array | null {
    return attempt(() => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      const count = this.#file.readSync(bytes);
      return count === null ? null : bytes.subarray(0, count);
    });
  }

  write(bytes: Uint8Array, offset: number): void {
    attempt(() => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      this.#writeAll(bytes);
    });
  }

  append(bytes: Uint8Array): void {
    attempt(() => {
      this.#file.seekSync(0, Deno.SeekMode.End);
      this.#writeAll(bytes);
    });
  }

  resize(size: number): void {
    attempt(() => this.#file.truncateSync(size));
  }

  setTimes(times: NewTimes): void {
    attempt(() => this.#file.utimeSync(...secondsOf(times, this.info())));
  }

  sync(): void {
    attempt(() => this.#file.syncSync());
  }

  close(): void {
    this.#file.close();
  }

  #writeAll(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }
}

export function infoOf(info: Deno.FileInfo): FileInfo {
  return {
    type: typeOf(info),
    size: BigInt(info.size),
    links: BigInt(info.nlink ?? 1),
    accessed: nanosecondsOf(info.atime),
    modified: nanosecondsOf(info.mtime),
    changed: nanosecondsOf(info.ctime ?? info.mtime),
    device: BigInt(info.dev),
    inode: BigInt(info.ino ?? 0),
  };
}

export function typeOf(
  entry: { isFile: boolean; isDirectory: boolean; isSymlink: boolean },
): FileType {
  if (entry.isSymlink) return "symbolic-link";
  if (entry.isDirectory) return "directory";
  return entry.isFile ? "regular-file" : "unknown";
}

/** A time from before 1970 is none that a guest could be told of. */
function nanosecondsOf(date: Date | null): bigint {
  return BigInt(Math.max(0, date?.getTime() ?? 0)) * 1_000_000n;
}

/** What `utime` takes: the times that are to change, and for the others those that are. */
export function secondsOf(times: NewTimes, old: FileInfo): [accessed: number, modified: number] {
  const seconds = [times.accessed ?? old.accessed, times.modified ?? old.modified]
    .map((nanoseconds) => Number(nanoseconds) / 1e9);
  // The year 10000: past what file systems keep.
  if (seconds.some((each) => each > 253_402_300_800)) throw new FileError("invalid");
  return seconds as [number, number];
}
