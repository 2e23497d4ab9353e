import { WasiError } from "../errors.ts";
import { IoError } from "../io/error.ts";

/** The cases of `error-code` of `wasi:filesystem/types` that this host uses. */
export type FileErrorCode =
  | "access"
  | "bad-descriptor"
  | "busy"
  | "cross-device"
  | "exist"
  | "file-too-large"
  | "illegal-byte-sequence"
  | "insufficient-memory"
  | "insufficient-space"
  | "interrupted"
  | "invalid"
  | "invalid-seek"
  | "io"
  | "is-directory"
  | "loop"
  | "name-too-long"
  | "no-entry"
  | "not-directory"
  | "not-empty"
  | "not-permitted"
  | "overflow"
  | "quota"
  | "read-only"
  | "text-file-busy"
  | "too-many-links"
  | "unsupported"
  | "would-block";

/** The error that a guest sees when a file operation fails. */
export class FileError extends WasiError<FileErrorCode> {}

const BY_SYSTEM_CODE: Readonly<Record<string, FileErrorCode>> = {
  EACCES: "access",
  EBADF: "bad-descriptor",
  EBUSY: "busy",
  EDQUOT: "quota",
  EEXIST: "exist",
  EFBIG: "file-too-large",
  EILSEQ: "illegal-byte-sequence",
  EINTR: "interrupted",
  EINVAL: "invalid",
  EISDIR: "is-directory",
  ELOOP: "loop",
  EMFILE: "insufficient-memory",
  EMLINK: "too-many-links",
  ENAMETOOLONG: "name-too-long",
  ENFILE: "insufficient-memory",
  ENOENT: "no-entry",
  ENOMEM: "insufficient-memory",
  ENOSPC: "insufficient-space",
  ENOTDIR: "not-directory",
  ENOTEMPTY: "not-empty",
  EOPNOTSUPP: "unsupported",
  EPERM: "not-permitted",
  EROFS: "read-only",
  ESPIPE: "invalid-seek",
  ETXTBSY: "text-file-busy",
  EXDEV: "cross-device",
};

/** Deno's error classes, for errors without a system code. */
const BY_CLASS: readonly (readonly [new (...args: never[]) => Error, FileErrorCode])[] = [
  [Deno.errors.NotFound, "no-entry"],
  [Deno.errors.AlreadyExists, "exist"],
  [Deno.errors.PermissionDenied, "access"],
  [Deno.errors.NotCapable, "access"],
  [Deno.errors.IsADirectory, "is-directory"],
  [Deno.errors.NotADirectory, "not-directory"],
  [Deno.errors.FilesystemLoop, "loop"],
  [Deno.errors.BadResource, "bad-descriptor"],
  [TypeError, "invalid"],
];

/** Runs an action on the host's files. @throws FileError instead of any other error */
export function translateErrors<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(error);
  }
}

function fileError(error: unknown): FileError {
  if (error instanceof FileError) return error;
  const code = BY_SYSTEM_CODE[(error as { code?: string }).code ?? ""] ??
    BY_CLASS.find(([type]) => error instanceof type)?.[1];
  return new FileError(code ?? "io");
}

/** `filesystem-error-code` of `wasi:filesystem/types`: the code of a stream's error; undefined unless a file caused it. */
export function filesystemErrorCode(error: IoError): FileErrorCode | undefined {
  const cause = IoError.causeOf(error);
  return cause instanceof FileError ? cause.payload : undefined;
}
