/** Rights of descriptors. Source: WASI preview 1, `rights` and the functions that say which they need. */
import type { Descriptor, Rights } from "./descriptor.ts";

/** In the order of their bits. */
const NAMES = [
  "fd_datasync",
  "fd_read",
  "fd_seek",
  "fd_fdstat_set_flags",
  "fd_sync",
  "fd_tell",
  "fd_write",
  "fd_advise",
  "fd_allocate",
  "path_create_directory",
  "path_create_file",
  "path_link_source",
  "path_link_target",
  "path_open",
  "fd_readdir",
  "path_readlink",
  "path_rename_source",
  "path_rename_target",
  "path_filestat_get",
  "path_filestat_set_size",
  "path_filestat_set_times",
  "fd_filestat_get",
  "fd_filestat_set_size",
  "fd_filestat_set_times",
  "path_symlink",
  "path_remove_directory",
  "path_unlink_file",
  "poll_fd_readwrite",
  "sock_shutdown",
  "sock_accept",
] as const;

type Right = typeof NAMES[number];

/** The bits of `rights` by name. */
export const RIGHTS = Object.fromEntries(
  NAMES.map((name, bit) => [name, 1n << BigInt(bit)]),
) as Readonly<Record<Right, bigint>>;

const FILE = sum(
  ...NAMES.filter((name) => name.startsWith("fd_") && name !== "fd_readdir"),
  "poll_fd_readwrite",
);

/** Without `fd_read`, `fd_write` and `fd_seek`, so that a directory can be opened with the rights that it has. */
const DIRECTORY = sum(
  ...NAMES.filter((name) => name.startsWith("path_")),
  "fd_fdstat_set_flags",
  "fd_sync",
  "fd_readdir",
  "fd_filestat_get",
  "fd_filestat_set_times",
);

/** The rights of a stream: none to seek and tell, by which C libraries recognise a terminal. */
const STREAM = sum("fd_fdstat_set_flags", "fd_sync", "fd_filestat_get", "poll_fd_readwrite");

/** For each function, the rights that it needs and the argument with the descriptor that needs them. */
const NEEDED: Readonly<Record<string, readonly (readonly [argument: number, rights: bigint])[]>> = {
  // Most functions need one right, which has their name.
  ...Object.fromEntries(NAMES.map((name) => [name, [[0, RIGHTS[name]]]])),
  fd_pread: [[0, sum("fd_read", "fd_seek")]],
  fd_pwrite: [[0, sum("fd_write", "fd_seek")]],
  path_link: [[0, RIGHTS.path_link_source], [4, RIGHTS.path_link_target]],
  path_rename: [[0, RIGHTS.path_rename_source], [3, RIGHTS.path_rename_target]],
  path_symlink: [[2, RIGHTS.path_symlink]],
};

export function rightsNeeded(
  call: string,
): readonly (readonly [argument: number, rights: bigint])[] {
  return NEEDED[call] ?? [];
}

/**
 * Returns the rights that a descriptor has. A file has all that files can have, whatever was requested when it was
 * opened, except to read and to write: programs of before WASI 0.2 request too few, and no engine of today minds.
 */
export function rightsOf(descriptor: Descriptor): Rights {
  const { base, inheriting } = initialRights(descriptor);
  const { dropped } = descriptor;
  return { base: base & ~dropped.base, inheriting: inheriting & ~dropped.inheriting };
}

function initialRights(descriptor: Descriptor): Rights {
  switch (descriptor.kind) {
    case "input":
      return { base: STREAM | RIGHTS.fd_read, inheriting: 0n };
    case "output":
      return { base: STREAM | RIGHTS.fd_write, inheriting: 0n };
    case "directory":
      return { base: DIRECTORY, inheriting: DIRECTORY | FILE };
    case "file": {
      const { read, write } = descriptor.file.mode;
      const missing = (read ? 0n : RIGHTS.fd_read) | (write ? 0n : RIGHTS.fd_write);
      return { base: FILE & ~missing, inheriting: 0n };
    }
  }
}

function sum(...names: readonly Right[]): bigint {
  return names.reduce((rights, name) => rights | RIGHTS[name], 0n);
}
