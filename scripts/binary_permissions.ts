/**
 * What the compiled binary may do, as flags for `deno compile`. The cache and the files that a user names can be
 * anywhere, registries have any address, credential helpers any name, and `run --env` hands on any variable, so
 * these cannot be narrowed. What larder runs has permissions of its own, which are those that the user grants.
 */
export const BINARY_PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-run",
  "--allow-env",
  // How much of the disk is free.
  "--allow-sys=statfs",
  "--deny-import",
];
