import type { Artifact, TestBlob, TestDescriptor } from "../cache/artifacts.ts";
import { FaultyServer, type Guard } from "./faulty_server.ts";
import { type Answer, jsonAnswer, type LoggedRequest, type Request } from "./http_server.ts";

interface Repository {
  readonly blobs: Map<string, Uint8Array>;
  readonly manifests: Map<string, { bytes: Uint8Array; mediaType: string }>;
  readonly tags: Map<string, string>;
}

/**
 * A registry (OCI distribution specification, the pull side) in memory, on a loopback port, that can be made to fail
 * in every way that registries and proxies do.
 *
 * ```ts
 * await using registry = await TestRegistry.start();
 * registry.add("team/app", image(["a layer"]), "v1");
 * registry.fail("/blobs/", status(503), 2);
 * ```
 */
export class TestRegistry extends FaultyServer {
  readonly #repositories = new Map<string, Repository>();
  readonly #files = new Map<string, Uint8Array>();
  /** False to ignore `Range` and send the whole content with 200. */
  ranges = true;
  /** True to answer requests for referrers. */
  hasReferrers = false;

  static async start(): Promise<TestRegistry> {
    const registry = new TestRegistry();
    await registry.listen();
    return registry;
  }

  /** `127.0.0.1:41234/team/app:v1`. */
  reference(repository: string, tag = "latest"): string {
    return `${this.host}/${repository}:${tag}`;
  }

  /** Adds an artifact, with everything that it refers to, to a repository; returns its reference. */
  add(repository: string, artifact: Artifact, tag?: string): string {
    const { blobs, manifests, tags } = this.#repository(repository);
    for (const { descriptor, bytes } of artifact.blobs) blobs.set(descriptor.digest, bytes);
    for (const child of artifact.children) this.add(repository, child);
    const { digest, mediaType } = artifact.descriptor;
    manifests.set(digest, { bytes: artifact.bytes, mediaType });
    if (tag === undefined) return `${this.host}/${repository}@${digest}`;
    tags.set(tag, digest);
    return this.reference(repository, tag);
  }

  /** Removes a blob, so that requests for it get a 404. */
  removeBlob(repository: string, blob: TestBlob): void {
    this.#repository(repository).blobs.delete(blob.descriptor.digest);
  }

  /** Serves bytes at a path outside the registry's API; returns the URL. */
  addFile(path: string, bytes: Uint8Array): string {
    this.#files.set(path, bytes);
    return `http://${this.host}${path}`;
  }

  /** Returns the successful `GET` requests for a blob. */
  downloads(blob: { descriptor: TestDescriptor }): LoggedRequest[] {
    return this.requests(`/blobs/${blob.descriptor.digest}`)
      .filter(({ method, status }) => method === "GET" && status < 300);
  }

  #repository(name: string): Repository {
    let repository = this.#repositories.get(name);
    if (!repository) {
      repository = { blobs: new Map(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, repository);
    }
    return repository;
  }

  protected override answer(request: Request): Answer {
    const range = this.ranges ? request.headers.get("range") : null;
    const file = this.#files.get(request.path);
    if (file) return content(file, range);
    if (request.path === "/v2/") return jsonAnswer(200, {});
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/.exec(request.path);
    if (!match || (match[2] === "referrers" && !this.hasReferrers)) {
      return failure(404, "UNSUPPORTED", "no such endpoint");
    }
    const [, name, kind, what] = match as unknown as [string, string, string, string];
    const repository = this.#repositories.get(name);
    if (!repository) return failure(404, "NAME_UNKNOWN", "repository name not known to registry");
    if (kind === "tags") return tagsAnswer(name, repository, request.query);
    if (kind === "referrers") return referrersAnswer(repository, what);
    return kind === "blobs"
      ? blobAnswer(repository, what, range)
      : manifestAnswer(repository, what);
  }
}

/** Makes a response with the error document of a registry. */
export function failure(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Answer {
  return jsonAnswer(status, { errors: [{ code, message, detail: {} }] }, headers);
}

/** Allows requests with this user name and password. */
export function basicGuard(user: string, password: string): Guard {
  const expected = `Basic ${btoa(`${user}:${password}`)}`;
  return ({ headers }) =>
    headers.get("authorization") === expected
      ? undefined
      : failure(401, "UNAUTHORIZED", "authentication required", {
        "WWW-Authenticate": 'Basic realm="fixture"',
      });
}

function manifestAnswer(repository: Repository, what: string): Answer {
  const digest = repository.tags.get(what) ?? what;
  const manifest = repository.manifests.get(digest);
  if (!manifest) return failure(404, "MANIFEST_UNKNOWN", "manifest unknown");
  return {
    status: 200,
    headers: { "Content-Type": manifest.mediaType, "Docker-Content-Digest": digest },
    body: manifest.bytes,
  };
}

function tagsAnswer(name: string, { tags }: Repository, query: URLSearchParams): Answer {
  const last = query.get("last") ?? "";
  const sorted = [...tags.keys()].sort().filter((tag) => tag > last);
  const n = Number(query.get("n") ?? sorted.length);
  const page = sorted.slice(0, n);
  const link = `</v2/${name}/tags/list?n=${n}&last=${page.at(-1)}>; rel="next"`;
  return jsonAnswer(200, { name, tags: page }, n < sorted.length ? { Link: link } : {});
}

function referrersAnswer({ manifests }: Repository, subject: string): Answer {
  const referrers = [...manifests].flatMap(([digest, { bytes, mediaType }]) => {
    const manifest = JSON.parse(new TextDecoder().decode(bytes));
    if (manifest.subject?.digest !== subject) return [];
    return { mediaType, digest, size: bytes.length, artifactType: manifest.artifactType };
  });
  const type = "application/vnd.oci.image.index.v1+json";
  const index = { schemaVersion: 2, mediaType: type, manifests: referrers };
  return jsonAnswer(200, index, { "Content-Type": type });
}

function blobAnswer(repository: Repository, digest: string, range: string | null): Answer {
  const bytes = repository.blobs.get(digest);
  if (!bytes) return failure(404, "BLOB_UNKNOWN", "blob unknown to registry");
  const answer = content(bytes, range);
  return { ...answer, headers: { ...answer.headers, "Docker-Content-Digest": digest } };
}

/** Serves bytes as a file server does, with `Range: bytes=N-M` or `bytes=N-` (RFC 9110 §14.2). */
export function content(bytes: Uint8Array, range: string | null): Answer {
  const headers = { "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes" };
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  if (start === undefined) return { status: 200, headers, body: bytes };
  const from = Number(start);
  if (from >= bytes.length) {
    const unmet = { "Content-Range": `bytes */${bytes.length}` };
    return { status: 416, headers: { ...headers, ...unmet }, body: new Uint8Array() };
  }
  const last = Math.min(bytes.length - 1, end ? Number(end) : Infinity);
  const part = { "Content-Range": `bytes ${from}-${last}/${bytes.length}` };
  return { status: 206, headers: { ...headers, ...part }, body: bytes.subarray(from, last + 1) };
}
