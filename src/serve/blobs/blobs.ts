import { statIfAny } from "../../base/files/files.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, isLocal, type Reference, repositoryName } from "../../oci/reference.ts";
import { openIngest } from "../../pull/transfer/open_ingest.ts";
import { blobSize } from "../../registry/repository_queries.ts";
import type { SharedContent } from "../../registry/shared/shared_content.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import type { Part } from "../../store/image_parts.ts";
import type { Layout } from "../../store/layout.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";
import { type Answer, matchesETag } from "../answer.ts";
import { ApiError } from "../errors.ts";
import type { RepositoryIndexes } from "../manifests/repository_index.ts";
import type { ServedUses } from "../manifests/served_uses.ts";
import type { PushedBlobs } from "../pushed_blobs.ts";
import type { Upstreams } from "../upstreams.ts";
import type { Waits } from "../waits.ts";
import { BlobReader, readSome, tryOpen } from "./blob_reader.ts";
import { type ByteRange, parseRange } from "./byte_range.ts";
import { Downloads, type SharedDownload } from "./downloads.ts";
import { areFew, type ChunkSource, streamOf } from "./sent_chunks.ts";
import type { ServingLease } from "./serving_lease.ts";

/** 64 KiB up to which a blob is read at once; opening a stream takes longer. */
const SMALL = 64 * 1024;

/** Blobs outside of cached manifests that registries have named, which are remembered. */
const MAX_VOUCHED = 10_000;

export interface BlobDependencies {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly store: ManifestStore;
  readonly indexes: RepositoryIndexes;
  readonly upstreams: Upstreams;
  readonly waits: Waits;
  readonly downloads: Downloads;
  readonly lease: ServingLease;
  readonly pushed: PushedBlobs;
  readonly uses: ServedUses;
  /** Receives what was fetched from registries. */
  readonly shared?: SharedContent | undefined;
}

/** A blob of a repository. */
interface Asked {
  readonly reference: Reference;
  readonly descriptor: BlobDescriptor;
  /** Undefined if only the registry has named it. */
  readonly part?: Part;
}

/** Serves blobs: from the cache, or while they arrive. */
export class Blobs {
  readonly #deps: BlobDependencies;
  /** Blobs that a registry has in a repository although no cached manifest there refers to them. */
  readonly #vouched = new RecentMap<string, Asked>(MAX_VOUCHED);
  readonly #finding = new SingleFlight<string | undefined>();

  constructor(deps: BlobDependencies) {
    this.#deps = deps;
  }

  /**
   * Answers a request for a blob of a repository.
   * @throws LarderError LDR_NOT_FOUND if the repository does not refer to it, and those of a download
   */
  async answer(request: Request, repository: Reference, digest: Digest): Promise<Answer> {
    const asked = await this.#ask(repository, digest);
    const path = await this.#find(asked);
    const isHead = request.method === "HEAD";
    const etag = `"${digest}"`;
    const headers: Record<string, string> = {
      "accept-ranges": "bytes",
      "content-type": "application/octet-stream",
      "docker-content-digest": digest,
      etag,
    };
    if (matchesETag(request.headers.get("if-none-match"), etag)) {
      return { status: 304, headers, body: null, result: path ? "hit" : "miss" };
    }
    const size = await this.#sizeOf(asked, path);
    const ifRange = request.headers.get("if-range");
    const mayBePart = ifRange === null || ifRange === etag;
    const range = parseRange(mayBePart ? request.headers.get("range") : null, size);
    if (range === "unsatisfiable") {
      headers["content-range"] = `bytes */${size}`;
      return { status: 416, headers, body: null, result: path ? "hit" : "miss" };
    }
    const { start, end } = range ?? { start: 0, end: size };
    headers["content-length"] = String(end - start);
    if (range) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
    const status = range ? 206 : 200;
    if (isHead && !path) await this.#confirm(asked);
    if (isHead) return { status, headers, body: null, result: path ? "hit" : "miss" };
    const stored = path && this.#read(path, digest, { start, end }, size);
    if (stored || this.#deps.downloads.isRunning(asked.descriptor)) {
      // Another client has started the download.
      this.#deps.uses.addPart(repository, digest, { saved: end - start });
    }
    if (stored) return { status, headers, ...stored, result: "hit" };
    // The download itself holds the lease until then; held before, it would stay if there is no body.
    const body = await this.#follow(asked, { start, end });
    const { release } = this.#deps.lease.hold(digest);
    return { status, headers, body, release, result: "miss" };
  }

  /** Returns what a repository refers to by a digest, according to its cached manifests or to its registry. */
  async #ask(repository: Reference, digest: Digest): Promise<Asked> {
    const reference = { ...repository, digest };
    const part = await this.#deps.indexes.of(repository).part(digest);
    if (part) return { reference, descriptor: part.descriptor, part };
    const pushed = this.#deps.pushed.find(repository, digest);
    if (pushed) return { reference, descriptor: pushed };
    if (isLocal(repository)) {
      const message = `${digest} was not pushed to ${repositoryName(repository)}`;
      throw new ApiError(404, "BLOB_UNKNOWN", message);
    }
    const key = formatReference(reference);
    const vouched = this.#vouched.get(key);
    if (vouched) return vouched;
    const size = await blobSize(this.#deps.upstreams.repository(repository), digest);
    const mediaType = "application/octet-stream";
    const asked = { reference, descriptor: { mediaType, digest, size } };
    this.#vouched.set(key, asked);
    return asked;
  }

  /** Fails unless the registry has a blob; a manifest may name one that it has not, such as a foreign layer. */
  async #confirm({ reference, descriptor }: Asked): Promise<void> {
    await blobSize(this.#deps.upstreams.repository(reference), descriptor.digest);
  }

  /** Returns the path of a blob whose size and digest are right; a file that was changed is hashed once for all. */
  async #find({ reference, descriptor, part }: Asked): Promise<string | undefined> {
    const { store, blobs } = this.#deps;
    if (part?.lockedAppOf) {
      const isThere = await store.hasConfig(reference, part.lockedAppOf, part.descriptor);
      return isThere ? store.configPath(reference, part.lockedAppOf) : undefined;
    }
    return await this.#finding.run(descriptor.digest, () => blobs.findHashed(descriptor));
  }

  /** Returns the size of a blob in bytes; one of unknown size is fetched first. */
  async #sizeOf(asked: Asked, path: string | undefined): Promise<number> {
    const { size } = asked.descriptor;
    return size ?? statIfAny(path ?? await this.#fetch(asked))!.size;
  }

  async #fetch(asked: Asked): Promise<string> {
    const download = await this.#download(asked);
    await download.ended;
    if (download.progress.state === "failed") throw download.progress.error;
    return (await this.#find(asked))!;
  }

  /** Reads a range of a file; undefined if it was deleted or changed meanwhile. */
  #read(
    path: string,
    digest: Digest,
    range: ByteRange,
    size: number,
  ): Pick<Answer, "body" | "release"> | undefined {
    const file = tryOpen(path);
    if (!file) return undefined;
    if (file.statSync().size !== size) {
      file.close();
      return undefined;
    }
    const length = range.end - range.start;
    if (range.start > 0) file.seekSync(range.start, Deno.SeekMode.Start);
    if (length <= SMALL) {
      const body = readAllAndClose(file, length);
      return body && { body };
    }
    const { release } = this.#deps.lease.hold(digest);
    // The runtime sends the stream of a file without this thread, and with the least memory.
    const isFile = range.end === size && !areFew();
    const body = isFile ? file.readable : streamOf(rangeOf(file, range));
    return { body, release };
  }

  async #follow(asked: Asked, range: ByteRange): Promise<ReadableStream<Uint8Array>> {
    const download = await this.#download(asked);
    const reader = new BlobReader(download, range, () => this.#find(asked));
    await reader.ready();
    return reader.stream();
  }

  async #download({ reference, descriptor, part }: Asked): Promise<SharedDownload> {
    const { layout, blobs, store: manifests, upstreams, waits, downloads, uses, shared } =
      this.#deps;
    const { digest } = descriptor;
    await waits.check(digest, reference);
    const source = upstreams.repository(reference);
    const place = { blobs, manifests, reference };
    return downloads.join({
      descriptor,
      repository: repositoryName(reference),
      source,
      onEnd: (fetched) => {
        const fromShared = source.isShared(digest) ? { shared: fetched } : {};
        uses.addPart(reference, digest, { fetched, ...fromShared, mirrors: source.mirrorsUsed() });
      },
      onCommitted: () => {
        if (source.isShared(digest)) return;
        shared?.offer({ blobs: [{ descriptor, path: blobs.pathOf(descriptor) }] });
      },
      partial: layout.partial(digest),
      open: (options) =>
        part ? openIngest(place, part, options) : blobs.ingest(descriptor, options),
    });
  }
}

function readAllAndClose(file: Deno.FsFile, length: number): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = new Uint8Array(length);
    let position = 0;
    for (let read; position < length && (read = file.readSync(bytes.subarray(position)));) {
      position += read;
    }
    return position === length ? bytes : undefined;
  } finally {
    file.close();
  }
}

function rangeOf(file: Deno.FsFile, { start, end }: ByteRange): ChunkSource {
  let position = start;
  return {
    async next() {
      if (position === end) return undefined;
      const chunk = await readSome(file, position, end);
      if (!chunk) throw new Error("the blob was truncated while it was served");
      position += chunk.length;
      return chunk;
    },
    close: () => file.close(),
  };
}
