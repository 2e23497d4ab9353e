import { dirname } from "node:path";
import { LarderError, shellWord } from "../errors.ts";

/** A path, or the nearest existing folder above it, that belongs to another user. */
interface ForeignPath {
  readonly path: string;
  /** The name of the other user. */
  readonly owner: string;
  /**
   * The topmost folder above it that belongs to another user, below one of this user; undefined if no folder above is
   * this user's, because `/var` or `/opt` is not to be taken over.
   */
  readonly top: string | undefined;
}

/**
 * Returns what of a path belongs to another user and so explains a denied access. Undefined if all is this user's own,
 * and on Windows, which has no numbers of users.
 */
function foreignPath(path: string): ForeignPath | undefined {
  const user = Deno.uid();
  if (user === null) return undefined;
  // The names in a folder belong to the folder: a file of this user can be in a folder of another.
  let each = uidOf(path) === user ? dirname(path) : path;
  let found: { path: string; uid: number } | undefined;
  for (let below = each;; below = each, each = dirname(each)) {
    const uid = uidOf(each);
    if (uid === user) return found && { ...named(found), top: below };
    if (uid !== undefined) found ??= { path: each, uid };
    if (each === dirname(each)) return found && { ...named(found), top: undefined };
  }
}

/**
 * Returns the command that gives some paths of a cache to this user: their topmost folder, or the whole cache if there
 * are several. Undefined if this user owns them, or none of the folders above them.
 */
export function takeOverCommandFor(paths: readonly string[], root: string): string | undefined {
  const tops = new Set(paths.flatMap((path) => foreignPath(path)?.top ?? []));
  const [top] = tops;
  return top === undefined ? undefined : takeOverCommand(tops.size > 1 ? root : top);
}

function takeOverCommand(path: string): string {
  return `sudo chown -R "$USER" ${shellWord(path)}`;
}

/**
 * Returns the error for an access that the system denies, with the owner if that is another user.
 * @param subject what failed, as in `cannot read FILE`
 */
export function permissionError(
  subject: string,
  path: string,
  { elsewhere, cause }: { elsewhere: string; cause: Error },
): LarderError {
  const foreign = foreignPath(path);
  const what = foreign?.path === path ? "it" : foreign?.path;
  const reason = foreign ? `, because ${what} belongs to ${foreign.owner}` : "";
  const remedy = foreign?.top ? takeOverCommand(foreign.top) : "change its owner or permissions";
  return new LarderError("LDR_PERMISSION", `${subject}: permission denied${reason}`, {
    hint: `${remedy}, or ${elsewhere}`,
    cause,
  });
}

/** Returns undefined if nothing is there, or if this user may not look. */
function uidOf(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).uid ?? undefined;
  } catch {
    return undefined;
  }
}

function named({ path, uid }: { path: string; uid: number }): { path: string; owner: string } {
  return { path, owner: userName(uid) };
}

function userName(uid: number): string {
  try {
    const users = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
    const name = users.find(([, , id]) => id === String(uid))?.[0];
    if (name) return name;
  } catch {
    // Not every system has this file.
  }
  return uid === 0 ? "root" : `user ${uid}`;
}
