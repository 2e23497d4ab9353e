import type { Artifact, TestBlob, TestDescriptor } from "../cache/artifacts.ts";
import type { Fault } from "./faults.ts";
import {
  type Answer,
  HttpServer,
  jsonAnswer,
  lineMatches,
  type LoggedRequest,
  type Request,
} from "./http_server.ts";

/** Answers requests that may not pass; undefined lets one through. */
export type Guard = (request: Request) => Answer | undefined;

interface Repository {
  readonly blobs: Map<string, Uint8Array>;
  readonly manifests: Map<string, { bytes: Uint8Array; mediaType: string }>;
  readonly tags: Map<string, string>;
}

interface Rule {
  readonly what: string | RegExp;
  readonly fault: Fault;
  left: number;
}

/**
 * A registry (OCI distribution specification, the pull side) in memory and on a loopback port, which can be
 * told to fail in every way that registries and what stands before them do.
 *
 * ```ts
 * await using registry = await FixtureRegistry.start();
 * registry.add("team/app", image(["a layer"]), "v1");
 * registry.fail("/blobs/", status(503), 2);
 * ```
 */
export class FixtureRegistry implements AsyncDisposable {
  readonly #repositories = new Map<string, Repository>();
  readonly #files = new Map<string, Uint8Array>();
  readonly #rules: Rule[] = [];
  #server!: HttpServer;
  /** Asked before anything is served. */
  guard: Guard | undefined;
  /** Whether `Range` is understood; a server that does not sends 200 and everything. */
  ranges = true;

  static async start(): Promise<FixtureRegistry> {
    const registry = new FixtureRegistry();
    registry.#server = await HttpServer.start((request) => registry.#handle(request));
    return registry;
  }

  /** `127.0.0.1:41234`: what stands before the repository in a reference. */
  get host(): string {
    return this.#server.host;
  }

  /** `127.0.0.1:41234/team/app:v1`. */
  reference(repository: string, tag = "latest"): string {
    return `${this.host}/${repository}:${tag}`;
  }

  /** Puts an artifact, with all that it points at, into a repository; returns what it can be pulled as. */
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

  /** Takes a blob away, so that its digest is answered with 404. */
  removeBlob(repository: string, blob: TestBlob): void {
    this.#repository(repository).blobs.delete(blob.descriptor.digest);
  }

  /** Serves bytes at a path outside the registry's own; returns the URL. */
  addFile(path: string, bytes: Uint8Array): string {
    this.#files.set(path, bytes);
    return `http://${this.host}${path}`;
  }

  /**
   * Lets the next `times` requests whose line (`GET /v2/app/manifests/v1`) contains or matches `what` fail.
   * Of several rules that match, the oldest that has times left is used.
   */
  fail(what: string | RegExp, fault: Fault, times = Infinity): void {
    this.#rules.push({ what, fault, left: times });
  }

  /** Lets everything succeed again. */
  heal(): void {
    this.#rules.length = 0;
  }

  /** The requests whose line contains or matches `what`, in the order of their answers. */
  requests(what: string | RegExp = ""): LoggedRequest[] {
    return this.#server.requests(what);
  }

  /** The `GET`s of a blob's content. */
  downloads(blob: { descriptor: TestDescriptor }): LoggedRequest[] {
    return this.requests(`/blobs/${blob.descriptor.digest}`)
      .filter(({ method, status }) => method === "GET" && status < 300);
  }

  clearLog(): void {
    this.#server.clearLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  #repository(name: string): Repository {
    let repository = this.#repositories.get(name);
    if (!repository) {
      repository = { blobs: new Map(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, repository);
    }
    return repository;
  }

  async #handle(request: Request): Promise<Answer> {
    const answer = this.guard?.(request) ?? this.#answer(request);
    const line = `${request.method} ${request.path}`;
    const rule = this.#rules.find(({ what, left }) => left > 0 && lineMatches(line, what));
    if (!rule) return answer;
    rule.left--;
    return await rule.fault(answer, request);
  }

  #answer(request: Request): Answer {
    const range = this.ranges ? request.headers.get("range") : null;
    const file = this.#files.get(request.path);
    if (file) return content(file, range);
    if (request.path === "/v2/") return jsonAnswer(200, {});
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.path);
    if (!match) return failure(404, "UNSUPPORTED", "no such endpoint");
    const [, name, kind, what] = match as unknown as [string, string, string, string];
    const repository = this.#repositories.get(name);
    if (!repository) return failure(404, "NAME_UNKNOWN", "repository name not known to registry");
    return kind === "blobs"
      ? blobAnswer(repository, what, range)
      : manifestAnswer(repository, what);
  }
}

/** The error document of a registry. */
export function failure(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Answer {
  return jsonAnswer(status, { errors: [{ code, message, detail: {} }] }, headers);
}

/** Lets through who sends this user name and password. */
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

function blobAnswer(repository: Repository, digest: string, range: string | null): Answer {
  const bytes = repository.blobs.get(digest);
  if (!bytes) return failure(404, "BLOB_UNKNOWN", "blob unknown to registry");
  const answer = content(bytes, range);
  return { ...answer, headers: { ...answer.headers, "Docker-Content-Digest": digest } };
}

/** Bytes as a server of files gives them, with `Range: bytes=N-` (RFC 9110, 14.2). */
function content(bytes: Uint8Array, range: string | null): Answer {
  const headers = { "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes" };
  const start = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
  if (start === undefined) return { status: 200, headers, body: bytes };
  const from = Number(start);
  if (from >= bytes.length) {
    const unmet = { "Content-Range": `bytes */${bytes.length}` };
    return { status: 416, headers: { ...headers, ...unmet }, body: new Uint8Array() };
  }
  const part = { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  return { status: 206, headers: { ...headers, ...part }, body: bytes.subarray(from) };
}
