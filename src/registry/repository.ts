import type { Clock } from "../base/concurrency.ts";
import { hasCode, LarderError } from "../base/errors.ts";
import { Tries } from "../base/tries.ts";
import { digestMismatch } from "../oci/content_verifier.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../oci/fetcher.ts";
import { type Manifest, manifestTooLarge, MAX_MANIFEST, parseManifest } from "../oci/manifest.ts";
import { MANIFEST_ACCEPT } from "../oci/media_types.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { blobUrl, manifestUrl, type Place, repositoryUrl } from "./endpoints.ts";
import { readBody, readSmall } from "./http/body.ts";
import { requestFrom } from "./http/range_request.ts";
import { responseError } from "./http/response_error.ts";
import { isTransient } from "./http/retry.ts";
import type { HttpRequest, HttpResponse } from "./http/transport.ts";

/** A request without a body and before authorization. */
export type RepositoryRequest = Omit<HttpRequest, "body">;

export interface RepositoryDependencies {
  /** Sends a request with the authorization that the registry requires. */
  readonly send: (request: RepositoryRequest) => Promise<HttpResponse>;
  readonly clock: Clock;
  /** Milliseconds without a byte after which reading a body fails. */
  readonly stallTimeout: number | undefined;
  /** True if no request is repeated, because another place can be asked. */
  readonly once: boolean;
}

/** One repository of a registry; opened by `RegistryClient.repository`. */
export class Repository implements Fetcher {
  readonly #name: Pick<Reference, "registry" | "repository">;
  readonly #place: Place;
  /** Names what is pulled in messages about blobs. */
  readonly #pulled: string;
  readonly #deps: RepositoryDependencies;

  /**
   * @param reference to what is pulled, or to the repository alone
   * @param place where it is asked for, if elsewhere than the reference says
   */
  constructor(reference: Reference, deps: RepositoryDependencies, place?: Place) {
    const { registry, repository } = reference;
    this.#name = { registry, repository };
    this.#place = place ?? this.#name;
    this.#pulled = formatReference(reference);
    this.#deps = deps;
  }

  /** Returns the hosts of the mirrors that have answered for the repository. */
  mirrorsUsed(): string[] {
    return [];
  }

  /** True if other places are asked first. */
  hasMirrors(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** True if content came from the shared cache. */
  isShared(_digest: Digest): boolean {
    return false;
  }

  /**
   * Returns the digest that a tag has now, without its manifest, which costs no pull quota.
   *
   * @returns undefined if the response has no digest or an unexpected status; {@link manifest} then decides, because
   * some servers and proxies, such as those that redirect to URLs signed for `GET`, deny `HEAD` alone
   * @throws LarderError LDR_UNAUTHORIZED, LDR_RATE_LIMITED, and those of the transport
   */
  async head(tag: string, signal?: AbortSignal): Promise<Digest | undefined> {
    const url = this.#manifestUrl(tag);
    const subject = formatReference({ ...this.#name, tag });
    const headers = { accept: MANIFEST_ACCEPT };
    let response: HttpResponse;
    try {
      const request = { method: "HEAD", url, headers, subject, signal, isSmall: true } as const;
      response = await this.#deps.send(request);
    } catch (error) {
      if (hasCode(error, "LDR_FORBIDDEN")) return undefined;
      throw error;
    }
    await response.body?.cancel();
    if (response.status === 429) throw await this.#error(response, subject, url, signal);
    if (response.status !== 200) return undefined;
    return asDigest(response.headers.get("docker-content-digest") ?? "");
  }

  /**
   * Returns the manifest or index that a tag or digest names now; content is checked against a digest.
   * @throws LarderError LDR_NOT_FOUND, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_MANIFEST, LDR_DIGEST_MISMATCH, and those of
   * {@link head}
   */
  async manifest(target: string | Digest, signal?: AbortSignal): Promise<Manifest> {
    const digest = asDigest(target);
    const subject = formatReference(
      digest ? { ...this.#name, digest } : { ...this.#name, tag: target },
    );
    const { bytes, headers } = await this.#readManifest(target, subject, signal);
    const manifest = parseManifest(bytes, subject, headers.get("content-type"), digest);
    // A tag's digest is that of the bytes; a header with another one shows that they were damaged on the way.
    const claimed = asDigest(headers.get("docker-content-digest") ?? "");
    if (!digest && claimed?.startsWith("sha256:") && claimed !== manifest.digest) {
      throw digestMismatch(claimed, manifest.digest);
    }
    return manifest;
  }

  /** @inheritdoc */
  async fetch(
    descriptor: Descriptor,
    offset = 0,
    { signal, tries, end: wanted, once }: FetchOptions = {},
  ): Promise<BlobStream> {
    const url = blobUrl(this.#place, descriptor.digest);
    const subject = `${descriptor.digest} of ${this.#pulled}`;
    const request = { method: "GET", url, subject, signal, tries, once } as const;
    const { response, start, end } = await requestFrom(
      descriptor,
      { start: offset, end: wanted },
      (headers) => this.#deps.send({ ...request, headers }),
    );
    if (start === undefined) {
      const error = await this.#error(response, subject, url, signal);
      throw response.status === 404 ? missingBlob(error) : error;
    }
    const expected = (end ?? descriptor.size) - start;
    const chunks = readBody(response, { ...this.#readOptions(url, signal), expected });
    return { offset: start, chunks, end };
  }

  /**
   * Sends a request for what is neither a manifest nor the content of a blob.
   * @param path below the repository, such as `tags/list`
   */
  ask(
    method: "GET" | "HEAD",
    path: string,
    options: { accept?: string; signal?: AbortSignal | undefined } = {},
  ): Promise<HttpResponse> {
    const { accept, signal } = options;
    const url = repositoryUrl(this.#place, path);
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    return this.#deps.send({ method, url, headers, subject: this.#subject(path), signal });
  }

  /** Makes the error for an answer to {@link ask} that is of no use. */
  failure(response: HttpResponse, path: string, signal?: AbortSignal): Promise<LarderError> {
    return this.#error(response, this.#subject(path), new URL(response.url), signal);
  }

  #subject(path: string): string {
    return `${path.replace(/\?.*$/, "")} of ${this.#name.registry}/${this.#name.repository}`;
  }

  /** Retries if a body breaks off; the transport only retries until a response begins. */
  async #readManifest(
    target: string,
    subject: string,
    signal: AbortSignal | undefined,
  ): Promise<{ bytes: Uint8Array; headers: Headers }> {
    const url = this.#manifestUrl(target);
    const { clock, once } = this.#deps;
    const tries = new Tries(clock);
    const headers = { accept: MANIFEST_ACCEPT };
    for (;;) {
      const response = await this.#deps.send({
        method: "GET",
        url,
        headers,
        subject,
        signal,
        tries,
        isSmall: true,
      });
      if (response.status !== 200) throw await this.#error(response, subject, url, signal);
      try {
        const bytes = await readSmall(response, MAX_MANIFEST, this.#readOptions(url, signal));
        if (!bytes) throw manifestTooLarge(subject);
        return { bytes, headers: response.headers };
      } catch (error) {
        const next = !once && isTransient(error) ? tries.next(error) : undefined;
        if (!next) throw error;
        await clock.sleep(next.pause, signal);
      }
    }
  }

  #manifestUrl(target: string): URL {
    return manifestUrl(this.#place, target);
  }

  #readOptions(url: URL, signal: AbortSignal | undefined) {
    return { url, signal, stallTimeout: this.#deps.stallTimeout };
  }

  #error(
    response: HttpResponse,
    subject: string,
    url: URL,
    signal: AbortSignal | undefined,
  ): Promise<LarderError> {
    const options = this.#readOptions(url, signal);
    return responseError(response, url, subject, this.#place.registry, options);
  }
}

/** Returns the error for a blob of a manifest that the registry has, whose name is therefore right. */
function missingBlob({ code, message }: LarderError): LarderError {
  return new LarderError(code, message, {
    hint: "the registry lost a part of it: ask its publisher to push it again",
  });
}
