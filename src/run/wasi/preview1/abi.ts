/** The constants and structs of WASI preview 1. Source: wasi_snapshot_preview1.witx. */
import { wallNow } from "../clocks.ts";
import type { FileInfo, FileType, NewTimes } from "../filesystem/volume.ts";
import type { Descriptor } from "./descriptor.ts";
import { Errno } from "./errno.ts";
import { type GuestMemory, unsigned64 } from "./memory.ts";
import { rightsOf } from "./rights.ts";

/** `clockid`, without the clocks of processes and threads. */
export const CLOCK = { realtime: 0, monotonic: 1 } as const;

/** `eventtype`. */
export const EVENT = { clock: 0, read: 1, write: 2 } as const;

/** The bit of `subclockflags` that makes a timeout an instant instead of a duration. */
export const ABSOLUTE_TIME = 1;

/** `fdflags`. */
export const FD_FLAGS = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;

/** All bits of `fdflags`. */
export const ALL_FD_FLAGS = 31;

/** The bit of `lookupflags` for following a symbolic link in the last segment. */
export const FOLLOW_SYMLINK = 1;

/** `oflags`. */
export const OPEN = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;

/** `filetype`. */
const FILE_TYPES: Readonly<Record<FileType, number>> = {
  "unknown": 0,
  "fifo": 0,
  "block-device": 1,
  "character-device": 2,
  "directory": 3,
  "regular-file": 4,
  "socket": 6,
  "symbolic-link": 7,
};

/** `fstflags`: for each of the two times, the bits that set it to a given time or to now. */
const ACCESSED = { set: 1, now: 2 };
const MODIFIED = { set: 4, now: 8 };

const FILESTAT_SIZE = 64;
const FDSTAT_SIZE = 24;
const DIRENT_SIZE = 24;

/** Writes a `filestat`. */
export function writeFilestat(memory: GuestMemory, pointer: number, info: FileInfo): void {
  const view = memory.view(pointer, FILESTAT_SIZE);
  view.setBigUint64(0, info.device, true);
  view.setBigUint64(8, info.inode, true);
  view.setBigUint64(16, BigInt(FILE_TYPES[info.type]), true);
  view.setBigUint64(24, info.links, true);
  view.setBigUint64(32, info.size, true);
  view.setBigUint64(40, info.accessed, true);
  view.setBigUint64(48, info.modified, true);
  view.setBigUint64(56, info.changed, true);
}

/** Writes the `filestat` of a stream, which has nothing but a type. */
export function writeStreamFilestat(
  memory: GuestMemory,
  pointer: number,
  isTerminal: boolean,
): void {
  memory.bytes(pointer, FILESTAT_SIZE).fill(0);
  memory.view(pointer, FILESTAT_SIZE).setUint8(16, streamType(isTerminal));
}

/** Writes an `fdstat`. */
export function writeFdstat(memory: GuestMemory, pointer: number, descriptor: Descriptor): void {
  const { base, inheriting } = rightsOf(descriptor);
  const view = memory.view(pointer, FDSTAT_SIZE);
  view.setUint16(0, typeOf(descriptor), true);
  view.setUint16(2, descriptor.flags, true);
  view.setUint32(4, 0, true);
  view.setBigUint64(8, base, true);
  view.setBigUint64(16, inheriting, true);
}

function typeOf(descriptor: Descriptor): number {
  if (descriptor.kind === "directory") return FILE_TYPES.directory;
  if (descriptor.kind === "file") return FILE_TYPES[descriptor.file.info().type];
  return streamType(descriptor.isTerminal);
}

function streamType(isTerminal: boolean): number {
  return FILE_TYPES[isTerminal ? "character-device" : "unknown"];
}

/**
 * Returns a `dirent` and the name after it.
 * @param next the cookie with which reading continues after this entry
 */
export function direntOf(name: string, type: FileType, inode: bigint, next: bigint): Uint8Array {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(DIRENT_SIZE + text.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, next, true);
  view.setBigUint64(8, inode, true);
  view.setUint32(16, text.length, true);
  view.setUint8(20, FILE_TYPES[type]);
  bytes.set(text, DIRENT_SIZE);
  return bytes;
}

/** Returns the times that a call sets. @throws Errno if it sets one both to a given time and to now */
export function newTimes(accessed: bigint, modified: bigint, flags: number): NewTimes {
  return {
    accessed: newTime(accessed, flags, ACCESSED),
    modified: newTime(modified, flags, MODIFIED),
  };
}

function newTime(time: bigint, flags: number, { set, now }: typeof ACCESSED): bigint | undefined {
  if (flags & set && flags & now) throw new Errno("inval");
  if (flags & now) return wallNow();
  return flags & set ? unsigned64(time) : undefined;
}
