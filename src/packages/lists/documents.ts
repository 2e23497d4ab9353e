import { fileURLToPath } from "node:url";
import { LarderError } from "../../base/errors.ts";
import { Tries } from "../../base/tries.ts";
import { diskError } from "../../base/files/system_error.ts";
import { formatBytes } from "../../base/units.ts";
import type { BlobDescriptor, Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { transfer, waitingForDownload } from "../../pull/transfer/transfer.ts";
import { readSmall } from "../../registry/http/body.ts";
import { isTransient } from "../../registry/http/retry.ts";
import { responseError } from "../../registry/http/response_error.ts";
import { splitCredentials, UrlFetcher } from "../../registry/url_fetcher.ts";
import { BlobStore, hasDigest, UNPACKED } from "../../store/blobs/blob_store.ts";
import type { PackageId } from "../../store/entries/package_record.ts";
import { PackageStore } from "../../store/entries/package_store.ts";
import { INDEX_SOURCE } from "../../store/entry_names.ts";
import { isPathPart } from "../../store/layout.ts";
import { FileFetcher } from "../file_fetcher.ts";
import { rejectEncoded } from "../package_errors.ts";
import type { IndexSizes } from "../space_request.ts";
import { withoutCredentials } from "../url_request.ts";
import { badIndex } from "./index_errors.ts";
import type { ListDeps } from "./list_deps.ts";

/** 128 MiB limit on a list, or on an index for which no other one vouches; both are read into memory. */
const MAX_DOCUMENT = 128 * 1024 * 1024;

/** 1 MiB from which on an index takes long enough to be told of. */
const LARGE = 1024 * 1024;

/** A list or an index whose digest is not known before it is read. */
export interface ListDocument {
  readonly url: URL;
  /** Names it in messages: its path or URL, without secrets. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly digest: Digest;
  /** True if it is from the cache, because no request may be sent. */
  readonly isCached: boolean;
}

/** An index for which a signed one vouches. */
export interface VouchedFile {
  /** Where it may be, in the order of preference. */
  readonly urls: readonly URL[];
  readonly digest: Digest;
  /** Bytes, if they are known. */
  readonly size: number | undefined;
}

/**
 * Reads lists and indexes, from the disk or over HTTP. What was read over HTTP is kept in the cache, like a package,
 * for a run without network: an index at once, and a signed one when {@link keep} is called for it.
 */
export class Documents {
  readonly #deps: ListDeps;
  readonly #sizes: IndexSizes;
  readonly #blobs: BlobStore;
  readonly #packages: PackageStore;

  /** @param sizes receives the indexes that are written to the cache */
  constructor(deps: ListDeps, sizes: IndexSizes) {
    this.#deps = deps;
    this.#sizes = sizes;
    this.#blobs = new BlobStore(deps.layout);
    this.#packages = new PackageStore(deps.layout);
  }

  /**
   * Reads a document. Over HTTP it is fetched each time, because the name of an index is a question; without network
   * the last one that was kept is read.
   *
   * @throws LarderError LDR_NOT_FOUND, LDR_NOT_CACHED, LDR_BAD_INDEX if it is too long, LDR_DISK*, and those of the
   * transport
   */
  async read(url: URL): Promise<ListDocument> {
    const found = await this.readIfAny(url);
    if (found) return found;
    const name = nameOf(url);
    if (this.#deps.offline && url.protocol !== "file:") throw notCached(name);
    throw new LarderError("LDR_NOT_FOUND", `no file ${name}`, { hint: "check the path or URL" });
  }

  /** Returns undefined if there is no such document; the rest is as in {@link read}. */
  async readIfAny(url: URL): Promise<ListDocument | undefined> {
    const isLocal = url.protocol === "file:";
    const isCached = this.#deps.offline && !isLocal;
    const bytes = isLocal
      ? readFile(fileURLToPath(url))
      : isCached
      ? this.#readCached(url)
      : await this.#fetch(url);
    return bytes && { url, name: nameOf(url), bytes, digest: digestOf(bytes), isCached };
  }

  /** Keeps a document for a run without network. @throws LarderError LDR_DISK*, LDR_INTERRUPTED */
  async keep({ url, bytes, digest, isCached }: ListDocument): Promise<void> {
    if (isCached || url.protocol === "file:") return;
    const blob = { mediaType: UNPACKED, digest, size: bytes.length };
    const { signal } = this.#deps;
    this.#sizes.set(digest, bytes.length);
    if (!this.#blobs.find(blob)) await this.#blobs.write(bytes, UNPACKED, { signal });
    this.#record(url, blob);
  }

  /**
   * Makes sure that an index is there, and returns its bytes, which are verified.
   *
   * @throws LarderError LDR_DIGEST_MISMATCH, LDR_SIZE_MISMATCH, LDR_NOT_FOUND, LDR_NOT_CACHED, LDR_DISK*, and those of
   * the transport
   */
  async open(file: VouchedFile): Promise<AsyncIterable<Uint8Array>> {
    const [url] = file.urls as [URL];
    if (url.protocol === "file:") return await openLocal(file);
    const blob: BlobDescriptor = { mediaType: UNPACKED, digest: file.digest, size: file.size };
    const name = nameOf(file.urls.at(-1)!);
    if (!this.#blobs.find(blob)) {
      if (this.#deps.offline) throw notCached(name);
      await this.#transfer(file.urls, blob, name);
    }
    const found = this.#blobs.findData(file.digest);
    if (!found) throw notCached(name);
    this.#record(file.urls.at(-1)!, { ...blob, size: found.size });
    return (await this.#blobs.fetch(blob)).chunks;
  }

  async #transfer(urls: readonly URL[], blob: BlobDescriptor, name: string): Promise<void> {
    const { transport, signal, clock } = this.#deps;
    const note = (message: string) => this.#deps.note?.(message);
    const waiting = (holders: string) => note(waitingForDownload(holders, blob.digest));
    // There is no bar, because nothing but indexes is fetched at this time.
    const { size = 0 } = blob;
    this.#sizes.set(blob.digest, size);
    if (size >= LARGE) note(`fetching ${name} (${formatBytes(size)})`);
    await transfer(
      new UrlFetcher(transport, urls.map(({ href }) => href)),
      blob,
      () => this.#blobs.ingest(blob, { waiting, signal }),
      { clock, signal, onRetry: note },
    );
  }

  /** Makes durable what was kept. */
  async sync(): Promise<void> {
    await this.#packages.sync();
  }

  /** Records a blob as the content of a URL, so that the collector keeps it as long as a package. */
  #record(url: URL, blob: Descriptor): void {
    const id = idOf(url);
    const now = this.#deps.clock.now();
    if (this.#packages.find(id)?.digest === blob.digest) return this.#packages.touch(id, now);
    this.#blobs.sync();
    this.#packages.use({ ...id, ...blob, url: withoutCredentials(url) }, now);
  }

  #readCached(url: URL): Uint8Array<ArrayBuffer> | undefined {
    const record = this.#packages.find(idOf(url));
    const path = record && this.#blobs.find(record);
    if (path === undefined) return undefined;
    this.#packages.touch(record!, this.#deps.clock.now());
    return readFile(path);
  }

  async #fetch(url: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const tries = new Tries(this.#deps.clock);
    for (;;) {
      try {
        return await this.#fetchOnce(url, tries);
      } catch (error) {
        const next = isTransient(error) ? tries.next(error) : undefined;
        if (!next) throw this.#withCachedHint(url, error);
        const { message } = error as LarderError;
        this.#deps.note?.(`${nameOf(url)}: ${message}; trying again (${next.ordinal})`);
        await this.#deps.clock.sleep(next.pause, this.#deps.signal);
      }
    }
  }

  async #fetchOnce(url: URL, tries: Tries): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { transport, signal } = this.#deps;
    const subject = nameOf(url);
    const request = { ...splitCredentials(url), method: "GET", signal, subject, tries } as const;
    const response = await transport.send(request);
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    if (response.status !== 200) {
      throw await responseError(response, url, subject, url.host, { signal });
    }
    await rejectEncoded(url, response);
    const bytes = await readSmall(response, MAX_DOCUMENT, { url, signal });
    if (!bytes) throw tooLong(subject);
    return bytes as Uint8Array<ArrayBuffer>;
  }

  /** Says which option uses the cached copy if the network is the fault. */
  #withCachedHint(url: URL, error: unknown): unknown {
    if (!(error instanceof LarderError) || error.exitCode !== 6) return error;
    if (!this.#packages.find(idOf(url))) return error;
    const hint = "try again, or use the cached copy with --offline";
    return new LarderError(error.code, error.message, { hint, cause: error });
  }
}

/** Returns the bytes of a local file, or undefined if there is none. */
function readFile(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    if (Deno.statSync(path).size > MAX_DOCUMENT) throw tooLong(path);
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(error, "read", path);
  }
}

async function openLocal({ urls, digest, size }: VouchedFile): Promise<AsyncIterable<Uint8Array>> {
  const url = urls.at(-1)!;
  const path = fileURLToPath(url);
  const blob = { mediaType: UNPACKED, digest, size };
  if (hasDigest(path, digest)) return (await new FileFetcher(url.href).fetch(blob)).chunks;
  const actual = readFile(path)?.length;
  if (actual === undefined) {
    throw new LarderError("LDR_NOT_FOUND", `no file ${path}`, { hint: "check the path" });
  }
  throw new LarderError("LDR_DIGEST_MISMATCH", `${path} is not ${digest} of ${size} bytes`, {
    hint: "update the mirror as a whole",
  });
}

/** Returns the package that a document is in the cache. */
function idOf(url: URL): PackageId {
  const name = nameOf(url);
  const part = isPathPart(name) ? name : digestOf(new TextEncoder().encode(name));
  return { source: INDEX_SOURCE, name: part, version: "-", arch: "any" };
}

/** Returns the path of a local file, or a URL without secrets. */
export function nameOf(url: URL): string {
  if (url.protocol === "file:") return fileURLToPath(url);
  return withoutCredentials(url);
}

function notCached(name: string): LarderError {
  return new LarderError("LDR_NOT_CACHED", `${name} is not in the cache`, {
    hint: "run the same command once without --offline",
  });
}

function tooLong(name: string): LarderError {
  return badIndex(name, `it is longer than ${formatBytes(MAX_DOCUMENT)}`);
}
