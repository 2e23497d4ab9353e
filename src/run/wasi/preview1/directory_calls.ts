import { OpenFile } from "../filesystem/open_file.ts";
import { type Calls, type Guest, unsigned } from "./guest.ts";
import { unsigned32 } from "./memory.ts";
import { RIGHTS, writeFilestat } from "./structs.ts";
import { newTimes } from "./times.ts";

/** Source: WASI preview 1, `lookupflags`, `oflags` and `fdflags`. */
const FOLLOW = 1;
const OPEN = { create: 1, directory: 2, exclusive: 4, truncate: 8 };
const APPEND = 1;

/** Functions on paths below a folder that is open. */
export function pathCalls(guest: Guest): Calls {
  const { memory, descriptors } = guest;
  const placeOf = (fd: number) => descriptors.directory(fd).directory;
  return {
    path_create_directory: (fd: number, path: number, length: number) =>
      placeOf(fd).createDirectory(memory.path(path, length)),
    path_filestat_get(fd: number, flags: number, path: number, length: number, pointer: number) {
      const info = placeOf(fd).infoAt(memory.path(path, length), follows(flags));
      writeFilestat(memory, pointer, info);
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      which: number,
    ) {
      const times = newTimes(accessed, modified, which);
      placeOf(fd).setTimesAt(memory.path(path, length), follows(flags), times);
    },
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
      placeOf(fd).link(memory.path(path, length), follows(flags), placeOf(newFd), target);
    },
    path_open: openCall(guest),
    path_readlink(
      fd: number,
      path: number,
      length: number,
      pointer: number,
      size: number,
      used: number,
    ) {
      const target = new TextEncoder().encode(placeOf(fd).readLink(memory.path(path, length)));
      const part = target.subarray(0, unsigned32(size));
      memory.write(pointer, part);
      memory.setU32(used, part.length);
    },
    path_remove_directory: (fd: number, path: number, length: number) =>
      placeOf(fd).removeDirectory(memory.path(path, length)),
    path_rename(
      fd: number,
      path: number,
      length: number,
      newFd: number,
      newPath: number,
      newLength: number,
    ) {
      const target = memory.path(newPath, newLength);
      placeOf(fd).rename(memory.path(path, length), placeOf(newFd), target);
    },
    path_symlink: (_target: number, _targetLength: number, fd: number) =>
      placeOf(fd).createSymlink(),
    path_unlink_file: (fd: number, path: number, length: number) =>
      placeOf(fd).removeFile(memory.path(path, length)),
  };
}

function openCall({ memory, descriptors }: Guest): Calls[string] {
  return (
    fd: number,
    lookup: number,
    path: number,
    length: number,
    flags: number,
    base: bigint,
    _inheriting: bigint,
    fdFlags: number,
    pointer: number,
  ) => {
    const rights = unsigned(base);
    const opened = descriptors.directory(fd).directory.open(memory.path(path, length), {
      follow: follows(lookup),
      create: (flags & OPEN.create) !== 0,
      exclusive: (flags & OPEN.exclusive) !== 0,
      truncate: (flags & OPEN.truncate) !== 0,
      directory: (flags & OPEN.directory) !== 0,
      read: (rights & RIGHTS.read) !== 0n,
      write: (rights & RIGHTS.write) !== 0n,
    });
    const number = descriptors.add(
      opened instanceof OpenFile
        ? { kind: "file", file: opened, position: 0n, append: (fdFlags & APPEND) !== 0 }
        : { kind: "folder", directory: opened, preopen: undefined, entries: [] },
    );
    memory.setU32(pointer, number);
  };
}

function follows(flags: number): boolean {
  return (flags & FOLLOW) !== 0;
}
