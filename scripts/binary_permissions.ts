/**
 * Permissions of the compiled binary, as flags of `deno compile`. They cannot be narrowed: the cache and the files
 * that a user names can be anywhere, registries have any address, credential helpers any name, and `run --env` passes
 * any variable. Guests have permissions of their own: those that the user grants.
 */
export const BINARY_PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-run",
  "--allow-env",
  // The free space of the disk, and the user's own number: of the folder in Podman's /run/containers, and to tell that a
  // file belongs to another user.
  "--allow-sys=statfs,uid",
  "--deny-import",
];
