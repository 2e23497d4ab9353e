import { posix } from "node:path";
import type { Header } from "tar-stream";
import { concatBytes } from "../../base/bytes.ts";
import type { OpenFile } from "../../base/files/read_chunks.ts";
import { formatBytes } from "../../base/units.ts";
import { isRegular, quote } from "../../store/archive/reader.ts";
import { INDEX_FILE, LAYOUT_FILE } from "../layout_format.ts";
import { readMembers } from "./archive_members.ts";
import { badBundle } from "./bundle_errors.ts";
import { type BundleSource, MAX_DOCUMENT } from "./bundle_source.ts";
import { tooLarge } from "./folder_source.ts";

/** 64 MiB limit on the documents of an archive together, which are kept in memory. */
const MAX_DOCUMENTS = 64 * 1024 * 1024;

/** Documents by their names; others are recognised by their first character. */
const DOCUMENTS: readonly string[] = [LAYOUT_FILE, INDEX_FILE, "manifest.json"];

/** Links that lead to links. */
const MAX_LINKS = 16;

/**
 * A bundle that is a tar file, compressed or not.
 *
 * It is read twice: first all of it, for the names and sizes of its members and for its documents, which can come after
 * the blobs that they declare; then for the blobs that are needed. So what no manifest declares never reaches the disk.
 */
export class ArchiveSource implements BundleSource {
  readonly path: string;
  readonly #file: OpenFile;
  readonly #sizes = new Map<string, number>();
  readonly #links = new Map<string, string>();
  readonly #documents = new Map<string, Uint8Array<ArrayBuffer>>();
  #documentsSize = 0;

  private constructor(file: OpenFile) {
    this.#file = file;
    this.path = file.path;
  }

  /** @throws NotAnArchive; LarderError LDR_BAD_BUNDLE, LDR_DISK*, LDR_INTERRUPTED */
  static async open(file: OpenFile, signal?: AbortSignal): Promise<ArchiveSource> {
    const source = new ArchiveSource(file);
    await readMembers(file, (header, content) => source.#add(header, content), signal);
    return source;
  }

  resolve(name: string): string {
    let target = name;
    for (let i = 0; i < MAX_LINKS && this.#links.has(target); i++) {
      target = this.#links.get(target)!;
    }
    return target;
  }

  sizeOf(name: string): number | undefined {
    return this.#sizes.get(this.resolve(name));
  }

  // deno-lint-ignore require-await
  async read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const member = this.resolve(name);
    const size = this.#sizes.get(member);
    if (size === undefined) return undefined;
    if (size > MAX_DOCUMENT) throw tooLarge(this.path, name);
    const bytes = this.#documents.get(member);
    if (!bytes) throw badBundle(this.path, `${name} is not a JSON document`);
    return bytes;
  }

  async visit(
    names: ReadonlySet<string>,
    work: (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const wanted = new Map([...names].map((name) => [this.resolve(name), name]));
    if (wanted.size === 0) return;
    await readMembers(this.#file, async (header, content) => {
      const name = isRegular(header) ? wanted.get(nameOf(header)) : undefined;
      if (name !== undefined) await work(name, content);
    }, signal);
  }

  [Symbol.dispose](): void {
    this.#file.file.close();
  }

  async #add(header: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    const name = nameOf(header);
    const isFolder = header.type === "directory";
    if (!isFolder && (this.#sizes.has(name) || this.#links.has(name))) {
      throw badBundle(this.path, `it has two files with the name ${quote(name)}`);
    }
    if (header.type === "symlink") {
      this.#links.set(name, posix.join(posix.dirname(name), header.linkname!));
    } else if (header.type === "link") {
      this.#links.set(name, posix.normalize(header.linkname!));
    }
    if (!isRegular(header)) return;
    const size = header.size ?? 0;
    this.#sizes.set(name, size);
    if (size > MAX_DOCUMENT) return;
    const bytes = await readDocument(content, DOCUMENTS.includes(name));
    if (!bytes) return;
    this.#documentsSize += bytes.length;
    if (this.#documentsSize > MAX_DOCUMENTS) {
      throw badBundle(this.path, `its documents exceed ${formatBytes(MAX_DOCUMENTS)}`);
    }
    this.#documents.set(name, bytes);
  }
}

/** Returns the name of a member without the `./` that `tar` writes for the files of a folder. */
function nameOf({ name }: Header): string {
  return posix.normalize(name);
}

/** Reads a small member if it is JSON. */
async function readDocument(
  content: AsyncIterable<Uint8Array>,
  isNamed: boolean,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let isDocument: boolean | undefined = isNamed || undefined;
  for await (const chunk of content) { // To its end: leaving the loop would end the archive.
    isDocument ??= isJsonStart(chunk);
    if (isDocument !== false) chunks.push(chunk);
  }
  return isDocument ? concatBytes(chunks) : undefined;
}

const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];

/** Returns undefined if nothing but white space and a byte order mark, which parsers skip, has arrived. */
function isJsonStart(chunk: Uint8Array): boolean | undefined {
  const first = chunk.find((byte) => byte > 0x20 && !BYTE_ORDER_MARK.includes(byte));
  return first === undefined ? undefined : first === 0x7b || first === 0x5b;
}
