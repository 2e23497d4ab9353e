import { dirname } from "node:path";
import { freeInodes } from "./disk.ts";
import { type ErrorCode, LarderError, messageOf, shellWord } from "../errors.ts";
import { permissionError } from "./owner.ts";

/** Codes that the runtime leaves out of its errors, by the number that is at the end of their text. */
const UNNAMED: Readonly<Record<string, string>> = Deno.build.os === "linux"
  ? { 4: "EINTR", 37: "ENOLCK", 38: "ENOSYS", 116: "ESTALE" }
  : { 4: "EINTR", 77: "ENOLCK", 78: "ENOSYS", 70: "ESTALE" };

/** What network file systems and those of FUSE answer to operations that they do not have. */
const UNSUPPORTED = ["ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOLCK"];

/** Returns the code of an operating system error, such as `ENOSPC`; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  const { code, message = "" } = error as { code?: unknown; message?: string };
  if (typeof code === "string") return code;
  const number = /\(os error (\d+)\)/.exec(message)?.[1];
  return number && (UNNAMED[number] ?? `os error ${number}`);
}

/** True if the file system does not have the operation, such as locks or syncing. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof Deno.errors.NotSupported ||
    UNSUPPORTED.includes(systemCode(error) ?? "");
}

/** The end of hints about a folder that cannot be written to. */
export const ELSEWHERE = "use another folder (for the cache: --cache-dir or LARDER_CACHE_DIR)";

/** Converts an operating system error on `path` to a {@link LarderError}; returns any other error unchanged. */
export function diskError(error: unknown, action: string, path: string): unknown {
  if (error instanceof LarderError || !(error instanceof Error)) return error;
  const special = specialPathError(error, action);
  if (special) return special;
  const subject = `cannot ${action} ${path}`;
  const system = systemCode(error);
  if (isOneOf(system, "EACCES", "EPERM") || error instanceof Deno.errors.PermissionDenied) {
    return permissionError(subject, path, { elsewhere: ELSEWHERE, cause: error });
  }
  if (isOneOf(system, "ENOTDIR", "EEXIST") || error instanceof Deno.errors.NotADirectory) {
    return notAFolder(subject, obstacleTo(path) ?? "a file exists where a folder is needed", error);
  }
  if (system === undefined && !(error instanceof Deno.errors.NotFound)) return error;
  const { code = "LDR_DISK", reason, hint } = faultOf(system ?? "ENOENT", path) ?? {
    reason: messageOf(error),
    hint: "check the disk and the permissions of the folder",
  };
  return new LarderError(code, `${subject}: ${reason}`, { hint, cause: error });
}

function isOneOf(code: string | undefined, ...codes: readonly string[]): boolean {
  return code !== undefined && codes.includes(code);
}

/** What an error of the system means, and what to do about it. */
interface Fault {
  readonly code?: ErrorCode;
  readonly reason: string;
  readonly hint: string;
}

function faultOf(system: string, path: string): Fault | undefined {
  switch (system) {
    case "ENOSPC":
    case "EDQUOT":
      return fullDisk(system, path);
    case "EROFS":
      return { code: "LDR_READ_ONLY", reason: "the file system is read-only", hint: ELSEWHERE };
    case "ENOENT":
      return notThere(path);
    case "EISDIR":
    case "ENOTEMPTY":
      return { reason: "it is a folder", hint: "name a file, or move the folder away" };
    case "EMFILE":
      return {
        reason: "too many files are open",
        hint: "raise the limit of open files with ulimit -n 4096, then try again",
      };
    case "ENFILE":
      return {
        reason: "too many files are open",
        hint: "the whole system has too many open files: end programs, then try again",
      };
  }
}

function fullDisk(system: "ENOSPC" | "EDQUOT", path: string): Fault {
  const code = "LDR_DISK_FULL";
  if (freeInodes(path) === 0) {
    const hint = `remove some files (df -i shows how many there can be), or ${ELSEWHERE}`;
    return { code, reason: "the disk has no inodes left", hint };
  }
  const reason = system === "EDQUOT" ? "the disk quota is exceeded" : "the disk is full";
  return { code, reason, hint: `free some space, or ${ELSEWHERE}` };
}

function notThere(path: string): Fault {
  const folder = dirname(path);
  return isFolder(folder)
    ? { reason: "there is no such file", hint: "check the path" }
    : { reason: `there is no folder ${folder}`, hint: `create it: mkdir -p ${shellWord(folder)}` };
}

/** True if a folder, or a link to one, is at a path. */
export function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** Returns the error for a folder that cannot be used because of what is in its place. */
export function notAFolder(subject: string, obstacle: string, cause?: Error): LarderError {
  return new LarderError("LDR_DISK", `${subject}: ${obstacle}`, {
    hint: `${ELSEWHERE}, or move what is in its place`,
    cause,
  });
}

/**
 * Returns what is in the place of a folder, or of one above it, and prevents it from being created: a file, or a link
 * to nothing, as that to a disk that is not mounted.
 */
export function obstacleTo(folder: string): string | undefined {
  for (let path = folder;; path = dirname(path)) {
    try {
      return Deno.statSync(path).isDirectory ? undefined : `${path} is a file, not a folder`;
    } catch {
      const target = linkTarget(path);
      if (target !== undefined) return `${path} is a link to ${target}, which does not exist`;
    }
    if (path === dirname(path)) return undefined;
  }
}

/** Returns undefined if there is no link. */
function linkTarget(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

/** The runtime's error for a path below /dev, /proc or /sys, which only a program with every permission may open. */
const SPECIAL_PATH = /^Requires all access to "(.*)"/;

/**
 * Returns the error for a path that the runtime does not open; undefined for any other error. larder goes without the
 * permissions for it, because they include loading native code.
 *
 * @param action what failed on the path
 */
export function specialPathError(error: unknown, action = "use"): LarderError | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  const [, path] = SPECIAL_PATH.exec(error.message) ?? [];
  if (path === undefined) return undefined;
  const message = `cannot ${action} ${path}: larder opens no files below /dev, /proc and /sys`;
  return new LarderError("LDR_PERMISSION", message, {
    hint: path.startsWith("/dev/shm")
      ? "use another RAM disk, such as $XDG_RUNTIME_DIR, or give this one another path: mount --bind /dev/shm FOLDER"
      : "use a file or folder elsewhere",
    cause: error,
  });
}

/**
 * Returns the error for a variable or the path of a folder whose bytes are not UTF-8, which the runtime does not pass
 * on; undefined for any other error.
 *
 * @param variable the name of the variable, if it is known
 */
export function encodingError(
  error: unknown,
  variable = "an environment variable",
): LarderError | undefined {
  const message = error instanceof Error ? error.message : "";
  const value = /^environment variable was not valid unicode: (.*)/.exec(message)?.[1];
  if (value !== undefined) {
    return new LarderError("LDR_CONFIG", `${variable} is not valid UTF-8: ${value}`, {
      hint: "set it to a value in UTF-8",
      cause: error,
    });
  }
  const path = /^File name or path (.*) is not valid UTF-8/.exec(message)?.[1];
  return path === undefined
    ? undefined
    : new LarderError("LDR_DISK", `the path ${path} is not valid UTF-8`, {
      hint: "use a folder with a name in UTF-8",
      cause: error,
    });
}
