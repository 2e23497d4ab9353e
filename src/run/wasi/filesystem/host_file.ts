import { FileError, translateErrors } from "./error.ts";
import type { FileInfo, FileType, FileWriter, NewTimes, VolumeFile } from "./volume.ts";

/** An open file of the host's file system. */
export class HostFile implements VolumeFile, FileWriter {
  readonly #file: Deno.FsFile;
  readonly writer: FileWriter | undefined;

  constructor(file: Deno.FsFile, mayWrite: boolean) {
    this.#file = file;
    this.writer = mayWrite ? this : undefined;
  }

  info(): FileInfo {
    return fileInfoOf(translateErrors(() => this.#file.statSync()));
  }

  read(length: number, offset: number): Uint8Array | null {
    return translateErrors(() => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      const count = this.#file.readSync(bytes);
      return count === null ? null : bytes.subarray(0, count);
    });
  }

  write(bytes: Uint8Array, offset: number): void {
    translateErrors(() => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      this.#writeAll(bytes);
    });
  }

  append(bytes: Uint8Array): void {
    translateErrors(() => {
      this.#file.seekSync(0, Deno.SeekMode.End);
      this.#writeAll(bytes);
    });
  }

  resize(size: number): void {
    translateErrors(() => this.#file.truncateSync(size));
  }

  setTimes(times: NewTimes): void {
    translateErrors(() => this.#file.utimeSync(...utimeDates(times, this.info())));
  }

  sync(): void {
    translateErrors(() => this.#file.syncSync());
  }

  close(): void {
    this.#file.close();
  }

  #writeAll(bytes: Uint8Array): void {
    for (let count = 0; count < bytes.length;) {
      count += this.#file.writeSync(bytes.subarray(count));
    }
  }
}

export function fileInfoOf(info: Deno.FileInfo): FileInfo {
  return {
    type: fileTypeOf(info),
    size: BigInt(info.size),
    links: BigInt(info.nlink ?? 1),
    accessed: nanosecondsOf(info.atime),
    modified: nanosecondsOf(info.mtime),
    changed: nanosecondsOf(info.ctime ?? info.mtime),
    device: BigInt(info.dev),
    inode: BigInt(info.ino ?? 0),
  };
}

export function fileTypeOf(
  entry: Pick<Deno.FileInfo, "isFile" | "isDirectory" | "isSymlink"> & Partial<Deno.FileInfo>,
): FileType {
  if (entry.isSymlink) return "symbolic-link";
  if (entry.isDirectory) return "directory";
  if (entry.isFile) return "regular-file";
  if (entry.isCharDevice) return "character-device";
  if (entry.isBlockDevice) return "block-device";
  if (entry.isFifo) return "fifo";
  return entry.isSocket ? "socket" : "unknown";
}

/** Times before 1970 become 1970, because WASI's `datetime` is unsigned. */
function nanosecondsOf(date: Date | null): bigint {
  return BigInt(Math.max(0, date?.getTime() ?? 0)) * 1_000_000n;
}

/**
 * Returns the arguments of `utime`, with the old value of each time that does not change. They are dates, because
 * Deno converts numbers of seconds to a millisecond less for about every second time.
 */
export function utimeDates(times: NewTimes, old: FileInfo): [accessed: Date, modified: Date] {
  const dates = [times.accessed ?? old.accessed, times.modified ?? old.modified]
    .map((nanoseconds) => new Date(Number(nanoseconds / 1_000_000n)));
  // The year 10000, past the range of file systems.
  if (dates.some((date) => !(date.getTime() <= 253_402_300_800_000))) {
    throw new FileError("invalid");
  }
  return dates as [Date, Date];
}
