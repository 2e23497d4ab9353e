import type { Clock } from "../../base/concurrency.ts";
import { hasCode } from "../../base/errors.ts";
import { PULL_ROUNDS } from "../../base/limits.ts";
import { algorithmOf, asDigest, type Digest } from "../../oci/digest.ts";
import { isLocal, type Reference } from "../../oci/reference.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import type { Layout } from "../../store/layout.ts";
import { withSharedLock } from "../../store/locks/store_lock.ts";
import type { Answer } from "../answer.ts";
import { ApiError } from "../errors.ts";
import type { Space } from "../blobs/space.ts";
import type { RepositoryIndexes } from "../manifests/repository_index.ts";
import type { Route } from "../routes.ts";
import type { PushedBlobs } from "../pushed_blobs.ts";
import type { PromisedContent } from "./promised_content.ts";
import { chunksOf } from "./request_body.ts";
import { noUpload, type UploadSession, type UploadSessions } from "./upload_sessions.ts";

/** Media type of a blob before a manifest says another one. */
const BYTES = "application/octet-stream";

/** 64 MiB of space that are freed at a time for a body of unknown length, if they can be. */
const SPACE_STEP = 64 * 1024 * 1024;

type UploadRoute = Extract<Route, { readonly kind: "upload" }>;

export interface UploadDependencies {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly indexes: RepositoryIndexes;
  readonly pushed: PushedBlobs;
  readonly sessions: UploadSessions;
  readonly promised: PromisedContent;
  readonly space: Space;
  readonly clock: Clock;
  /** Returns the repository of a name that a client wrote. @throws if it must not be read */
  readonly sourceOf: (name: string) => Reference;
  /** Called after each upload. */
  readonly onPushed: () => void;
}

/** Takes blobs (distribution-spec, "Pushing Blobs"): in one request, in chunks, or from another repository. */
export class Uploads {
  readonly #deps: UploadDependencies;

  constructor(deps: UploadDependencies) {
    this.#deps = deps;
  }

  /** @throws ApiError, and LarderError LDR_DISK* */
  async answer(request: Request, route: UploadRoute): Promise<Answer> {
    const { sessions } = this.#deps;
    if (route.upload === undefined) {
      if (request.method !== "POST") throw methodNotAllowed("POST");
      return await this.#begin(request, route);
    }
    const session = await sessions.find(route.repository, route.upload);
    // At once, also while a request of the upload receives bytes.
    if (isRead(request) && !session.isEnded) return progressOf(route, session, 204);
    return await session.run(async () => {
      // It was ended by the request before.
      if (session.isEnded) throw noUpload(session.repository);
      return await this.#continue(request, route, session);
    });
  }

  async #begin(request: Request, route: UploadRoute): Promise<Answer> {
    const { sessions } = this.#deps;
    const query = new URL(request.url).searchParams;
    const mount = query.get("mount");
    if (mount !== null) {
      const mounted = await this.#mount(route.repository, digestIn(mount), query.get("from"));
      if (mounted) return created(route.name, mounted);
    }
    const target = query.get("digest");
    const digest = target === null ? undefined : digestIn(target);
    const session = await sessions.begin(route.repository, digest && algorithmOf(digest));
    if (!digest) return progressOf(route, session, 202);
    return await session.run(() => this.#finish(request, route, session, digest));
  }

  async #continue(request: Request, route: UploadRoute, session: UploadSession): Promise<Answer> {
    switch (request.method) {
      case "PATCH":
        checkRange(request, route, session);
        await this.#receive(request, session);
        return progressOf(route, session, 202);
      case "PUT": {
        const digest = digestIn(new URL(request.url).searchParams.get("digest") ?? "");
        checkRange(request, route, session);
        return await this.#finish(request, route, session, digest);
      }
      case "DELETE":
        this.#deps.sessions.end(session);
        return { status: 204, headers: {}, body: null };
      default:
        throw methodNotAllowed("GET, HEAD, PATCH, PUT, DELETE");
    }
  }

  /**
   * Appends the body of a request. What has arrived of one that breaks off is kept, and can be continued; what the disk
   * does not take is not, because clients start over, and its space is needed.
   */
  async #receive(request: Request, session: UploadSession): Promise<void> {
    const { clock, sessions, space } = this.#deps;
    const { key: digest, ingest } = session;
    const length = request.headers.get("content-length");
    const end = length === null ? undefined : ingest.offset + Number(length);
    try {
      if (end !== undefined) await space.prepare({ digest, size: end - ingest.offset });
      for await (const chunk of chunksOf(request, "BLOB_UPLOAD_INVALID", clock)) {
        // A collector removes nothing unless that is enough.
        const needs = end === undefined ? [SPACE_STEP, chunk.length] : [end - ingest.offset];
        await this.#write(session, chunk, needs);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) sessions.end(session);
      throw error;
    }
  }

  /** @param needs numbers of bytes to free if the disk is full: the first that can be freed */
  async #write(
    { ingest, key }: UploadSession,
    chunk: Uint8Array,
    needs: readonly number[],
  ): Promise<void> {
    for (let round = 1;; round++) {
      try {
        return ingest.write(chunk);
      } catch (error) {
        let isMade = false;
        for (const bytes of needs) {
          isMade ||= round <= PULL_ROUNDS && await this.#deps.space.recover(error, key, bytes);
        }
        if (!isMade) throw error;
      }
    }
  }

  /** Receives the last bytes, and commits the blob. Nothing is kept if that fails. */
  async #finish(
    request: Request,
    route: UploadRoute,
    session: UploadSession,
    digest: Digest,
  ): Promise<Answer> {
    const { layout, pushed, promised, sessions, onPushed } = this.#deps;
    await this.#receive(request, session);
    try {
      const committed = await withSharedLock(layout, () => session.ingest.commit(digest));
      if (!committed) {
        throw new ApiError(404, "BLOB_UPLOAD_UNKNOWN", "the upload was removed from the cache");
      }
      // The cache may have had it before, for an entry that is removed meanwhile.
      await promised.promise(digest);
      pushed.add(route.repository, { mediaType: BYTES, ...committed });
      return created(route.name, digest);
    } catch (error) {
      if (!hasCode(error, "LDR_DIGEST_MISMATCH")) throw error;
      throw new ApiError(400, "DIGEST_INVALID", error.message);
    } finally {
      sessions.end(session);
      onPushed();
    }
  }

  /**
   * Makes a blob of another repository one of this repository too.
   * @returns undefined if it has to be uploaded: it is not cached, or the other repository does not refer to it
   */
  async #mount(
    repository: Reference,
    digest: Digest,
    from: string | null,
  ): Promise<Digest | undefined> {
    const { blobs, pushed, promised } = this.#deps;
    const known = from === null ? pushed.findAnywhere(digest) : await this.#blobOf(from, digest);
    if (!known || !await blobs.findHashed(known)) return undefined;
    await promised.promise(digest);
    if (!await blobs.findHashed(known)) return undefined;
    pushed.add(repository, known);
    return digest;
  }

  async #blobOf(name: string, digest: Digest) {
    const { indexes, pushed, sourceOf } = this.#deps;
    let source: Reference;
    try {
      source = sourceOf(name);
    } catch {
      return undefined;
    }
    if (isLocal(source)) {
      const own = pushed.find(source, digest);
      if (own) return own;
    }
    const part = await indexes.of(source).part(digest);
    return part?.lockedAppOf ? undefined : part?.descriptor;
  }
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/** Refuses a chunk that does not begin where the upload is (distribution-spec, "Pushing a blob in chunks"). */
function checkRange({ headers }: Request, route: UploadRoute, session: UploadSession): void {
  const text = headers.get("content-range");
  if (text === null) return;
  const [, start, end] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(text) ?? [];
  const length = headers.get("content-length");
  const isWhole = length === null || Number(end) - Number(start) + 1 === Number(length);
  if (start === undefined || !isWhole) {
    throw new ApiError(400, "SIZE_INVALID", `Content-Range ${text} is not that of the body`);
  }
  const { offset } = session.ingest;
  if (Number(start) === offset) return;
  const message = `the upload continues at byte ${offset}, not at ${start}`;
  const { headers: progress } = progressOf(route, session, 416);
  throw new ApiError(416, "BLOB_UPLOAD_INVALID", message, progress);
}

function progressOf({ name }: UploadRoute, { id, ingest }: UploadSession, status: number): Answer {
  return {
    status,
    headers: {
      location: `/v2/${name}/blobs/uploads/${id}`,
      // Docker's form for no bytes too, since the last byte cannot be -1.
      range: `0-${Math.max(0, ingest.offset - 1)}`,
      "docker-upload-uuid": id,
    },
    body: null,
  };
}

function created(name: string, digest: Digest): Answer {
  const location = `/v2/${name}/blobs/${digest}`;
  return { status: 201, headers: { location, "docker-content-digest": digest }, body: null };
}

function digestIn(text: string): Digest {
  const digest = asDigest(text);
  if (digest) return digest;
  throw new ApiError(400, "DIGEST_INVALID", `"${text}" is not a sha256 or sha512 digest`);
}

/** Returns the refusal of a method. @param allow the methods that there are */
export function methodNotAllowed(allow: string): ApiError {
  return new ApiError(405, "UNSUPPORTED", `only ${allow} can be used here`, { allow });
}
