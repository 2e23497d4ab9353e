import { OpenFile } from "../filesystem/open_file.ts";
import type { DirectoryEntry } from "../filesystem/volume.ts";
import { ALL_FD_FLAGS, direntOf, FOLLOW_SYMLINK, newTimes, OPEN, writeFilestat } from "./abi.ts";
import { type Descriptor, type DirectoryDescriptor, NO_RIGHTS } from "./descriptor.ts";
import { Errno } from "./errno.ts";
import type { Calls, Guest } from "./guest.ts";
import { unsigned32, unsigned64 } from "./memory.ts";
import { RIGHTS } from "./rights.ts";

/** Functions on open directories, their entries and the paths below them. */
export function directoryCalls(guest: Guest): Calls {
  return {
    ...preopenCalls(guest),
    ...entryCalls(guest),
    ...linkCalls(guest),
    path_open: openCall(guest),
  };
}

function preopenCalls({ memory, descriptors }: Guest): Calls {
  return {
    fd_prestat_get(fd: number, pointer: number) {
      const view = memory.view(pointer, 8);
      view.setUint32(0, 0, true);
      view.setUint32(4, preopenOf(descriptors.get(fd)).length, true);
    },
    fd_prestat_dir_name(fd: number, pointer: number, length: number) {
      const name = preopenOf(descriptors.get(fd));
      if (name.length > unsigned32(length)) throw new Errno("nametoolong");
      memory.write(pointer, name);
    },
  };
}

/** Fails with `badf`, at which C libraries stop looking for more granted directories. */
function preopenOf(descriptor: Descriptor): Uint8Array {
  if (descriptor.kind !== "directory" || descriptor.preopen === undefined) throw new Errno("badf");
  return new TextEncoder().encode(descriptor.preopen);
}

function entryCalls({ memory, descriptors }: Guest): Calls {
  const directoryOf = (fd: number) => descriptors.directory(fd).directory;
  return {
    fd_readdir(fd: number, pointer: number, length: number, cookie: bigint, used: number) {
      const descriptor = descriptors.directory(fd);
      const buffer = memory.bytes(pointer, length);
      memory.setU32(used, readEntries(descriptor, buffer, unsigned64(cookie)));
    },
    path_create_directory: (fd: number, path: number, length: number) =>
      directoryOf(fd).createDirectory(memory.path(path, length)),
    path_filestat_get(fd: number, flags: number, path: number, length: number, pointer: number) {
      const info = directoryOf(fd).infoAt(memory.path(path, length), follows(flags));
      writeFilestat(memory, pointer, info);
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      timeFlags: number,
    ) {
      const times = newTimes(accessed, modified, timeFlags);
      directoryOf(fd).setTimesAt(memory.path(path, length), follows(flags), times);
    },
    path_remove_directory: (fd: number, path: number, length: number) =>
      directoryOf(fd).removeDirectory(memory.path(path, length)),
    path_unlink_file: (fd: number, path: number, length: number) =>
      directoryOf(fd).removeFile(memory.path(path, length)),
  };
}

function linkCalls({ memory, descriptors }: Guest): Calls {
  const directoryOf = (fd: number) => descriptors.directory(fd).directory;
  return {
    path_link(
      fd: number,
      flags: number,
      path: number,
      length: number,
      newFd: number,
      newPath: number,
      newLength: number,
    ) {
      const target = memory.path(newPath, newLength);
      directoryOf(fd).link(memory.path(path, length), follows(flags), directoryOf(newFd), target);
    },
    path_readlink(
      fd: number,
      path: number,
      length: number,
      pointer: number,
      size: number,
      used: number,
    ) {
      const target = new TextEncoder().encode(directoryOf(fd).readLink(memory.path(path, length)));
      const part = target.subarray(0, unsigned32(size));
      memory.write(pointer, part);
      memory.setU32(used, part.length);
    },
    path_rename(
      fd: number,
      path: number,
      length: number,
      newFd: number,
      newPath: number,
      newLength: number,
    ) {
      const target = memory.path(newPath, newLength);
      directoryOf(fd).rename(memory.path(path, length), directoryOf(newFd), target);
    },
    path_symlink(
      target: number,
      targetLength: number,
      fd: number,
      path: number,
      length: number,
    ) {
      directoryOf(fd).createSymlink(memory.path(target, targetLength), memory.path(path, length));
    },
  };
}

function openCall({ memory, descriptors }: Guest): Calls[string] {
  return (
    fd: number,
    lookupFlags: number,
    path: number,
    length: number,
    openFlags: number,
    baseRights: bigint,
    _inheritingRights: bigint,
    fdFlags: number,
    pointer: number,
  ) => {
    const rights = unsigned64(baseRights);
    if (openFlags & OPEN.create) descriptors.requireRights(fd, RIGHTS.path_create_file);
    if (openFlags & OPEN.truncate) descriptors.requireRights(fd, RIGHTS.path_filestat_set_size);
    const { directory, dropped: { inheriting } } = descriptors.directory(fd);
    const opened = directory.open(memory.path(path, length), {
      follow: follows(lookupFlags),
      create: (openFlags & OPEN.create) !== 0,
      exclusive: (openFlags & OPEN.exclusive) !== 0,
      truncate: (openFlags & OPEN.truncate) !== 0,
      directory: (openFlags & OPEN.directory) !== 0,
      read: (rights & RIGHTS.fd_read) !== 0n,
      write: (rights & RIGHTS.fd_write) !== 0n,
    });
    const dropped = inheriting === 0n ? NO_RIGHTS : { base: inheriting, inheriting };
    const number = descriptors.add(
      opened instanceof OpenFile
        ? { kind: "file", file: opened, position: 0n, flags: fdFlags & ALL_FD_FLAGS, dropped }
        : {
          kind: "directory",
          directory: opened,
          preopen: undefined,
          entries: [],
          flags: 0,
          dropped,
        },
    );
    memory.setU32(pointer, number);
  };
}

function follows(flags: number): boolean {
  return (flags & FOLLOW_SYMLINK) !== 0;
}

/**
 * Fills a buffer with entries from the cookie on and returns the number of bytes used. The last entry may be cut,
 * which tells the guest that there are more.
 */
function readEntries(descriptor: DirectoryDescriptor, buffer: Uint8Array, cookie: bigint): number {
  if (cookie === 0n) descriptor.entries = [...SELF_AND_PARENT, ...descriptor.directory.list()];
  const { entries } = descriptor;
  let used = 0;
  for (let i = Number(cookie); i < entries.length && used < buffer.length; i++) {
    const { name, type } = entries[i]!;
    const dirent = direntOf(name, type, inodeOf(descriptor, name), BigInt(i + 1));
    const part = dirent.subarray(0, buffer.length - used);
    buffer.set(part, used);
    used += part.length;
  }
  return used;
}

const SELF_AND_PARENT: readonly DirectoryEntry[] = [
  { name: ".", type: "directory" },
  { name: "..", type: "directory" },
];

/** Returns 0, for "unknown", for the parent, which may be outside of the mount, and for what has been removed. */
function inodeOf({ directory }: DirectoryDescriptor, name: string): bigint {
  if (name === "..") return 0n;
  try {
    return directory.infoAt(name, false).inode;
  } catch {
    return 0n;
  }
}
