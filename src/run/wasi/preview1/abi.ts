import type { FileInfo, FileType } from "../filesystem/volume.ts";
import type { Descriptor } from "./descriptor_table.ts";
import type { GuestMemory } from "./memory.ts";

/** Source: WASI preview 1, `filetype`. */
const FILE_TYPES: Readonly<Record<FileType, number>> = {
  "unknown": 0,
  "directory": 3,
  "regular-file": 4,
  "symbolic-link": 7,
};
const CHARACTER_DEVICE = 2;

const FILESTAT_SIZE = 64;
const FDSTAT_SIZE = 24;
const DIRENT_SIZE = 24;

/** Source: WASI preview 1, `rights`. There are 30 of them. */
export const RIGHTS = {
  read: 1n << 1n,
  write: 1n << 6n,
  all: (1n << 30n) - 1n,
} as const;
/** Those of what has no places to go to; C libraries tell terminals by what is missing. */
const STREAM_RIGHTS = 1n << 3n | 1n << 4n | 1n << 21n | 1n << 27n;

export function fileTypeOf(type: FileType): number {
  return FILE_TYPES[type];
}

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

/** Writes the `filestat` of a stream, of which there is nothing to say but its type. */
export function writeStreamstat(memory: GuestMemory, pointer: number, isTerminal: boolean): void {
  memory.bytes(pointer, FILESTAT_SIZE).fill(0);
  memory.view(pointer, FILESTAT_SIZE).setUint8(16, streamType(isTerminal));
}

/** Writes an `fdstat`. */
export function writeFdstat(memory: GuestMemory, pointer: number, descriptor: Descriptor): void {
  const [type, flags, rights] = fdstatOf(descriptor);
  const view = memory.view(pointer, FDSTAT_SIZE);
  view.setUint16(0, type, true);
  view.setUint16(2, flags, true);
  view.setUint32(4, 0, true);
  view.setBigUint64(8, rights, true);
  view.setBigUint64(16, descriptor.kind === "folder" ? RIGHTS.all : 0n, true);
}

function fdstatOf(descriptor: Descriptor): [type: number, flags: number, rights: bigint] {
  switch (descriptor.kind) {
    case "input":
      return [streamType(descriptor.isTerminal), 0, STREAM_RIGHTS | RIGHTS.read];
    case "output":
      return [streamType(descriptor.isTerminal), 0, STREAM_RIGHTS | RIGHTS.write];
    case "folder":
      return [FILE_TYPES.directory, 0, RIGHTS.all];
    case "file": {
      const { read, write } = descriptor.file.mode;
      const missing = (read ? 0n : RIGHTS.read) | (write ? 0n : RIGHTS.write);
      return [FILE_TYPES["regular-file"], descriptor.append ? 1 : 0, RIGHTS.all & ~missing];
    }
  }
}

function streamType(isTerminal: boolean): number {
  return isTerminal ? CHARACTER_DEVICE : FILE_TYPES.unknown;
}

/**
 * A `dirent` with its name.
 * @param next what the reading goes on with after it
 */
export function directoryEntry(
  name: string,
  type: FileType,
  inode: bigint,
  next: bigint,
): Uint8Array {
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
