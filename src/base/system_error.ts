import { LarderError } from "./errors.ts";

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
