import { posix } from "node:path";
import { pipeline, Readable, type Writable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Extract, extract, type Header } from "tar-stream";
import { LarderError, messageOf, throwIfAborted } from "../../base/errors.ts";
import { diskError } from "../../base/files/system_error.ts";
import { COPY_BUFFER } from "../../base/limits.ts";
import { formatBytes, plural } from "../../base/units.ts";

/** Limits on what an archive may expand to. */
export interface ArchiveLimits {
  /** Members of any kind. */
  readonly files: number;
  /** Bytes of the tar file, headers included. */
  readonly size: number;
  /** Bytes of the tar file per byte of the archive, once the tar file exceeds `ratioFree` bytes. */
  readonly ratio: number;
  readonly ratioFree: number;
}

/** DEFLATE's own ratio is at most 1032. */
export const ARCHIVE_LIMITS: ArchiveLimits = {
  files: 100_000,
  size: 8 * 1024 * 1024 * 1024,
  ratio: 200,
  ratioFree: 64 * 1024 * 1024,
};

export interface ReadArchiveOptions {
  /** Names the archive in messages. */
  readonly subject: string;
  readonly limits: ArchiveLimits;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a gzipped tar file and passes each regular file to `visit`, in order; bytes that `visit` leaves unread are
 * skipped. No file is ever written under a member's name. Even so, an archive is rejected as a whole if the name or
 * link of a member leads out of the tree, if a member is not a file, folder or link, or if it exceeds a limit.
 *
 * Invariant: memory use is constant, whatever the archive contains or claims.
 *
 * @throws LarderError LDR_BAD_ARCHIVE, naming the member; LDR_DISK*, LDR_INTERRUPTED; and those of `visit`
 */
export async function readArchive(
  path: string,
  file: Deno.FsFile,
  options: ReadArchiveOptions,
  visit: (content: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const bad = (reason: string, cause?: unknown) => badArchive(options.subject, reason, cause);
  const { limits, signal } = options;
  const members = expand(path, file, limits, bad, signal);
  let current: string | undefined;
  let count = 0;
  try {
    for await (const entry of members) {
      throwIfAborted(signal);
      const problem = problemOf(entry.header);
      current = quote(entry.header.name);
      if (problem) throw bad(`${current} ${problem}`);
      if (++count > limits.files) {
        throw bad(`it has more than ${plural(limits.files, "member")}`);
      }
      if (isRegular(entry.header)) {
        await visit(entry as AsyncIterable<Uint8Array>);
      }
      entry.resume();
    }
  } catch (error) {
    if (error instanceof LarderError) throw error;
    const where = current ? ` (at or after ${current})` : "";
    throw bad(`${messageOf(error)}${where}`, error);
  }
}

/** Opens the stream of an archive's members, which are read on demand. */
function expand(
  path: string,
  file: Deno.FsFile,
  limits: ArchiveLimits,
  bad: (reason: string) => LarderError,
  signal: AbortSignal | undefined,
): Extract {
  const { size } = file.statSync();
  const bound = Math.min(limits.size, Math.max(limits.ratioFree, limits.ratio * size));

  /** Fails once the tar file exceeds its limit. */
  async function* limited(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let length = 0;
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > bound) {
        throw bad(`its ${formatBytes(size)} expand to more than ${formatBytes(bound)}`);
      }
      yield chunk;
    }
  }

  // Allows the oldest format, which has no magic number. The checksum of every header is compared in any case.
  const members = extract({ allowUnknownFormat: true } as Parameters<typeof extract>[0]);
  const ignore = () => {}; // `members` throws the same error.
  pipeline(
    Readable.from(readChunks(path, file, signal)),
    createGunzip({ chunkSize: COPY_BUFFER }),
    limited,
    members as unknown as Writable,
    ignore,
  );
  return members;
}

/** Reads an open file from its start; synchronous reads are faster here than asynchronous ones. */
async function* readChunks(
  path: string,
  file: Deno.FsFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    file.seekSync(0, Deno.SeekMode.Start);
    for (;;) {
      throwIfAborted(signal);
      const buffer = new Uint8Array(COPY_BUFFER); // A new one each time, because the stream may still use the last.
      const read = file.readSync(buffer);
      if (read === null) return;
      yield buffer.subarray(0, read);
    }
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** True for the header of a regular file. */
export function isRegular(header: Header): boolean {
  return header.type === "file" || header.type === "contiguous-file";
}

/** Returns the reason to reject a member, if there is one. */
export function problemOf(header: Header): string | undefined {
  const { name } = header;
  switch (header.type) {
    case "file":
    case "contiguous-file":
      if (isSparse(header)) return "is a sparse file, which larder does not support";
      return problemOfName(name) ?? (isEmptyPath(name) ? "has no name" : undefined);
    case "directory":
      return problemOfName(name);
    case "symlink":
      return problemOfName(name) ??
        problemOfLink(header.linkname, posix.dirname(portable(name)));
    case "link": // The target is the name of an earlier member.
      return problemOfName(name) ?? problemOfLink(header.linkname, ".");
    default:
      return `is ${header.type ? `a ${header.type}` : "of an unknown kind"}, not a file or folder`;
  }
}

/** Returns the reason that a name is not a path below the archive's root on every system, if there is one. */
function problemOfName(name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) return "has control characters in its name";
  if (isAbsolute(name)) return "has an absolute path";
  if (portable(name).split("/").includes("..")) return 'has ".." in its path';
  return undefined;
}

/** @param folder the folder in the tree that the target is relative to */
function problemOfLink(target: string | null, folder: string): string | undefined {
  if (!target) return "links to nothing";
  const end = posix.join(folder, portable(target));
  return isAbsolute(target) || end === ".." || end.startsWith("../")
    ? `links out of the tree, to ${quote(target)}`
    : undefined;
}

/** True if a path is absolute or names a drive on any system. */
function isAbsolute(path: string): boolean {
  return /^(?:[\\/]|[a-z]:)/i.test(path);
}

/** Replaces backslashes, which are separators on Windows, by slashes. */
function portable(path: string): string {
  return path.replaceAll("\\", "/");
}

function isEmptyPath(name: string): boolean {
  return portable(name).split("/").every((part) => part === "" || part === ".");
}

/** True for GNU tar's newer sparse format: a regular file with a map before its data. */
function isSparse(header: Header): boolean {
  return Object.keys((header.pax ?? {}) as object).some((key) => key.startsWith("GNU.sparse."));
}

/** Quotes a name for messages: shortened, and with invisible characters escaped. */
export function quote(name: string): string {
  const short = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return JSON.stringify(short).replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

function badArchive(subject: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_BAD_ARCHIVE", `bad archive ${subject}: ${reason}`, {
    hint: "no file of it was unpacked; ask its publisher for a valid one",
    cause,
  });
}
