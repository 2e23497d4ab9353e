import { type Manifest, manifestTooLarge, MAX_MANIFEST, parseManifest } from "../oci/manifest.ts";
import type { Clock } from "../base/concurrency.ts";
import { TRIES } from "../base/limits.ts";
import { LarderError } from "../base/errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import type { BlobStream, Fetcher } from "../oci/fetcher.ts";
import { MANIFEST_ACCEPT } from "../oci/media_types.ts";
import { formatReference, type Reference, repositoryName } from "../oci/reference.ts";
import { digestMismatch } from "../oci/content_verifier.ts";
import { readBody, readSmall } from "./http/body.ts";
import { apiBase, blobUrl, manifestUrl } from "./endpoints.ts";
import { requestFrom } from "./http/range_request.ts";
import { responseError } from "./http/response_error.ts";
import { isTransient, isTransientStatus, pauseBefore } from "./http/retry.ts";
import type { HttpRequest, HttpResponse, Transport } from "./http/transport.ts";

/** A request that was refused, and what it was refused with. */
export interface Refusal {
  readonly registry: string;
  readonly repository: string | undefined;
  /** Who refused: after redirects, and with the scheme that was spoken. */
  readonly url: URL;
  readonly headers: Headers;
  readonly status: number;
  /** The `Authorization` that did not do. */
  readonly sent: string | undefined;
}

/** Knows how to be let in; `auth.ts` is the one that there is. */
export interface Authorizer {
  /** The `Authorization` value already known for a repository. */
  current(registry: string, repository: string | undefined): string | undefined;
  /**
   * A fresh `Authorization` value after a refusal. Being asked again and again, it gives up.
   * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN
   */
  answer(refusal: Refusal, signal?: AbortSignal): Promise<string>;
}

export interface ClientDependencies {
  /** Retries and follows redirects; see `http.ts`. */
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** Milliseconds without a byte after which a body is given up. */
  readonly stallTimeout?: number;
}

type Ask = Pick<HttpRequest, "method" | "url" | "headers" | "signal">;

/** Reads from registries, as the OCI distribution specification ("Pull") has it. */
export class RegistryClient {
  readonly #deps: ClientDependencies;

  constructor(deps: ClientDependencies) {
    this.#deps = deps;
  }

  /** One repository's manifests and blobs. */
  repository(reference: Pick<Reference, "registry" | "repository">): Repository {
    return new Repository(this, reference, this.#deps);
  }

  /**
   * Asks a registry whether it lets us in: `login` checks credentials with it.
   * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN, or what the network says
   */
  async ping(registry: string, signal?: AbortSignal): Promise<void> {
    const url = apiBase(registry);
    const response = await this.send(registry, undefined, {
      method: "GET",
      url,
      headers: {},
      signal,
    });
    if (response.status !== 200) {
      throw await responseError(response, url, registry, registry, { signal });
    }
    await response.body?.cancel();
  }

  /**
   * Sends a request with the authorization that the registry asks for: first with what is known, then with a
   * fresh one, until the registry is content or the authorizer gives up.
   */
  async send(registry: string, repository: string | undefined, ask: Ask): Promise<HttpResponse> {
    const { transport, authorizer } = this.#deps;
    for (let sent = authorizer.current(registry, repository);;) {
      const response = await transport.send(authorized(ask, sent));
      const { status, headers } = response;
      // A 403 to a token may only mean that the token has expired.
      const refused = status === 401 || (status === 403 && sent !== undefined);
      if (!refused) return response;
      await response.body?.cancel();
      const url = new URL(response.url);
      const refusal = { registry, repository, url, headers, status, sent };
      sent = await authorizer.answer(refusal, ask.signal);
    }
  }
}

/** One repository of a registry. */
export class Repository implements Fetcher {
  readonly #client: RegistryClient;
  readonly #name: Pick<Reference, "registry" | "repository">;
  readonly #deps: ClientDependencies;

  constructor(
    client: RegistryClient,
    name: Pick<Reference, "registry" | "repository">,
    deps: ClientDependencies,
  ) {
    this.#client = client;
    this.#name = name;
    this.#deps = deps;
  }

  /**
   * The digest that a tag has now, without its manifest: this costs no pull quota.
   * @returns undefined where the registry does not say; ask for the manifest then
   */
  async head(tag: string, signal?: AbortSignal): Promise<Digest | undefined> {
    const response = await this.#send(
      "HEAD",
      this.#manifestUrl(tag),
      { accept: MANIFEST_ACCEPT },
      signal,
    );
    await response.body?.cancel();
    const { status } = response;
    if (status === 401 || status === 403 || isTransientStatus(status)) {
      const subject = formatReference({ ...this.#name, tag });
      throw await this.#error(response, subject, this.#manifestUrl(tag), signal);
    }
    if (status !== 200) return undefined; // The GET that follows tells, or knows better.
    return asDigest(response.headers.get("docker-content-digest") ?? "");
  }

  /**
   * The manifest or index that a tag or digest has now; a digest's is checked against it.
   * @throws LarderError LDR_NOT_FOUND, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_MANIFEST, LDR_DIGEST_MISMATCH, …
   */
  async manifest(target: string | Digest, signal?: AbortSignal): Promise<Manifest> {
    const digest = asDigest(target);
    const subject = formatReference(
      digest ? { ...this.#name, digest } : { ...this.#name, tag: target },
    );
    const { bytes, headers } = await this.#readManifest(target, subject, signal);
    const manifest = parseManifest(bytes, subject, headers.get("content-type"), digest);
    // A tag's digest is that of the bytes; a header that says otherwise shows that they were damaged.
    const claimed = asDigest(headers.get("docker-content-digest") ?? "");
    if (!digest && claimed?.startsWith("sha256:") && claimed !== manifest.digest) {
      throw digestMismatch(claimed, manifest.digest);
    }
    return manifest;
  }

  /** @inheritdoc */
  async fetch(descriptor: Descriptor, offset = 0, signal?: AbortSignal): Promise<BlobStream> {
    const url = blobUrl(this.#name.registry, this.#name.repository, descriptor.digest);
    const { response, start } = await requestFrom(
      descriptor,
      offset,
      (headers) => this.#send("GET", url, headers, signal),
    );
    if (start === undefined) {
      const subject = `${descriptor.digest} of ${repositoryName(this.#name)}`;
      throw await this.#error(response, subject, url, signal);
    }
    const options = { ...this.#readOptions(url, signal), expected: descriptor.size - start };
    return { offset: start, chunks: readBody(response, options) };
  }

  /** The transport tries until an answer comes; here it is asked for again if it breaks off. */
  async #readManifest(
    target: string,
    subject: string,
    signal: AbortSignal | undefined,
  ): Promise<{ bytes: Uint8Array; headers: Headers }> {
    const url = this.#manifestUrl(target);
    const { clock } = this.#deps;
    for (let tries = 1;; tries++) {
      const response = await this.#send("GET", url, { accept: MANIFEST_ACCEPT }, signal);
      if (response.status !== 200) throw await this.#error(response, subject, url, signal);
      try {
        const bytes = await readSmall(response, MAX_MANIFEST, this.#readOptions(url, signal));
        if (!bytes) throw manifestTooLarge(subject);
        return { bytes, headers: response.headers };
      } catch (error) {
        if (tries === TRIES || !isTransient(error)) throw error;
        await clock.sleep(pauseBefore(tries, clock)!, signal);
      }
    }
  }

  #manifestUrl(target: string): URL {
    return manifestUrl(this.#name.registry, this.#name.repository, target);
  }

  #readOptions(url: URL, signal: AbortSignal | undefined) {
    return { url, signal, stallTimeout: this.#deps.stallTimeout };
  }

  #send(
    method: "GET" | "HEAD",
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const { registry, repository } = this.#name;
    return this.#client.send(registry, repository, { method, url, headers, signal });
  }

  #error(
    response: HttpResponse,
    subject: string,
    url: URL,
    signal: AbortSignal | undefined,
  ): Promise<LarderError> {
    const options = this.#readOptions(url, signal);
    return responseError(response, url, subject, this.#name.registry, options);
  }
}

function authorized(ask: Ask, authorization: string | undefined): HttpRequest {
  return authorization ? { ...ask, headers: { ...ask.headers, authorization } } : ask;
}
