import { posix } from "node:path";
import { pipeline, Readable, type Writable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Extract, extract, type Header } from "tar-stream";
import { COPY_BUFFER } from "../../base/limits.ts";
import { LarderError, messageOf, throwIfAborted } from "../../base/errors.ts";
import { diskError } from "../../base/files.ts";
import { formatBytes, plural } from "../../base/units.ts";

/** An unpacked archive may hold so many files. */
const MAX_ARCHIVE_FILES = 100_000;

/** An unpacked archive may expand to so many bytes … */
const MAX_ARCHIVE_SIZE = 8 * 1024 * 1024 * 1024;

/** … and, past the first 64 MiB, to so many times its compressed size (DEFLATE cannot pass 1032). */
const MAX_ARCHIVE_RATIO = 200;

const ARCHIVE_RATIO_FREE = 64 * 1024 * 1024;

/** How far an archive may expand. */
export interface ArchiveLimits {
  /** Members of any kind. */
  readonly files: number;
  /** Bytes of the tar file, headers included. */
  readonly size: number;
  /** Bytes of the tar file for each byte of the archive, once `ratioFree` bytes have come. */
  readonly ratio: number;
  readonly ratioFree: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  files: MAX_ARCHIVE_FILES,
  size: MAX_ARCHIVE_SIZE,
  ratio: MAX_ARCHIVE_RATIO,
  ratioFree: ARCHIVE_RATIO_FREE,
};

export interface ReadArchiveOptions {
  /** What the archive is, for messages. */
  readonly subject: string;
  readonly limits: ArchiveLimits;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a gzipped tar file from its beginning to its end and shows each regular file to `visit`, one after the
 * other; what is not read of it is passed over. Nothing is ever written by a member's name; all the same an
 * archive is refused whole if a member's name or link leads out of the tree, if it holds anything but files,
 * folders and links, or if it passes a limit.
 *
 * Invariant: memory stays flat, whatever the archive holds or says of itself.
 *
 * @throws LarderError LDR_BAD_ARCHIVE, naming the member; what `visit` throws; LDR_DISK*, LDR_INTERRUPTED
 */
export async function readArchive(
  path: string,
  file: Deno.FsFile,
  options: ReadArchiveOptions,
  visit: (content: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const refuse = (reason: string, cause?: unknown) => badArchive(options.subject, reason, cause);
  const { limits, signal } = options;
  const members = expand(path, file, limits, refuse, signal);
  let current: string | undefined;
  let count = 0;
  try {
    for await (const entry of members) {
      throwIfAborted(signal);
      const reason = objection(entry.header);
      current = quote(entry.header.name);
      if (reason) throw refuse(`${current} ${reason}`);
      if (++count > limits.files) {
        throw refuse(`it has more than ${plural(limits.files, "member")}`);
      }
      if (isRegular(entry.header)) {
        await visit(entry as AsyncIterable<Uint8Array>);
      }
      entry.resume();
    }
  } catch (error) {
    if (error instanceof LarderError) throw error;
    const where = current ? ` (at or behind ${current})` : "";
    throw refuse(`${messageOf(error)}${where}`, error);
  }
}

/** The members of an archive, which are read as they are asked for. */
function expand(
  path: string,
  file: Deno.FsFile,
  limits: ArchiveLimits,
  refuse: (reason: string) => LarderError,
  signal: AbortSignal | undefined,
): Extract {
  const { size } = file.statSync();
  const bound = Math.min(limits.size, Math.max(limits.ratioFree, limits.ratio * size));

  /** Stops an archive that expands too far where it passes the bound. */
  async function* measured(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let length = 0;
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > bound) {
        throw refuse(`its ${formatBytes(size)} expand to more than ${formatBytes(bound)}`);
      }
      yield chunk;
    }
  }

  // The oldest format has no magic number; every header's checksum is compared all the same.
  const members = extract({ allowUnknownFormat: true } as Parameters<typeof extract>[0]);
  const ignore = () => {}; // The error comes out of `members` too.
  pipeline(
    Readable.from(readChunks(path, file, signal)),
    createGunzip({ chunkSize: COPY_BUFFER }),
    measured,
    members as unknown as Writable,
    ignore,
  );
  return members;
}

/** The bytes of an open file. Synchronous reads are the faster ones. */
async function* readChunks(
  path: string,
  file: Deno.FsFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    file.seekSync(0, Deno.SeekMode.Start);
    for (;;) {
      throwIfAborted(signal);
      const buffer = new Uint8Array(COPY_BUFFER); // Not used again: the stream may still hold it.
      const read = file.readSync(buffer);
      if (read === null) return;
      yield buffer.subarray(0, read);
    }
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

function isRegular(header: Header): boolean {
  return header.type === "file" || header.type === "contiguous-file";
}

/** Why a member is refused, or undefined. */
function objection(header: Header): string | undefined {
  const { name } = header;
  switch (header.type) {
    case "file":
    case "contiguous-file":
      if (isSparse(header)) return "is a sparse file, which larder does not read";
      return objectionToName(name) ?? (isEmptyPath(name) ? "has no name" : undefined);
    case "directory":
      return objectionToName(name);
    case "symlink":
      return objectionToName(name) ??
        objectionToLink(header.linkname, posix.dirname(portable(name)));
    case "link": // Its target is the name of an earlier member.
      return objectionToName(name) ?? objectionToLink(header.linkname, ".");
    default:
      return `is ${header.type ? `a ${header.type}` : "of an unknown kind"}, not a file or folder`;
  }
}

/** Why a name could not be a path below the folder that an archive is unpacked into, on any system. */
function objectionToName(name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) return "has control characters in its name";
  if (isAbsolute(name)) return "has an absolute path";
  if (portable(name).split("/").includes("..")) return 'has ".." in its path';
  return undefined;
}

/** @param folder what the target starts from, inside the tree */
function objectionToLink(target: string | null, folder: string): string | undefined {
  if (!target) return "links to nothing";
  const end = posix.join(folder, portable(target));
  return isAbsolute(target) || end === ".." || end.startsWith("../")
    ? `links out of the tree, to ${quote(target)}`
    : undefined;
}

/** Whether a path is absolute, or bound to a drive, on any system. */
function isAbsolute(path: string): boolean {
  return /^(?:[\\/]|[a-z]:)/i.test(path);
}

/** A path with one kind of separator: what is an ordinary character here is a separator on Windows. */
function portable(path: string): string {
  return path.replaceAll("\\", "/");
}

function isEmptyPath(name: string): boolean {
  return portable(name).split("/").every((part) => part === "" || part === ".");
}

/** GNU tar's newer sparse format looks like a regular file, but holds a map before its data. */
function isSparse(header: Header): boolean {
  return Object.keys((header.pax ?? {}) as object).some((key) => key.startsWith("GNU.sparse."));
}

/** A name as it may be shown: quoted, short, and with invisible characters written out. */
function quote(name: string): string {
  const short = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return JSON.stringify(short).replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

function badArchive(subject: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_BAD_ARCHIVE", `bad archive ${subject}: ${reason}`, {
    hint: "nothing of it was unpacked; ask its publisher about it",
    cause,
  });
}
