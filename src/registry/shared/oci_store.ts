import { LarderError } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { asDigest, type Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { parseManifest } from "../../oci/manifest.ts";
import { OCI_MANIFEST } from "../../oci/media_types.ts";
import { repositoryUrl } from "../endpoints.ts";
import { readSmall } from "../http/body.ts";
import { responseError } from "../http/response_error.ts";
import type { HttpRequest, HttpResponse } from "../http/transport.ts";
import type { Location } from "../mirrors/location.ts";
import { contentOf } from "./content.ts";
import type { NewObject, SharedObject, SharedStore } from "./shared_store.ts";

/** What is used of a `RegistryClient`, with a transport that sends bodies with their length. */
export interface AuthorizedSender {
  send(registry: string, repository: string, request: HttpRequest): Promise<HttpResponse>;
}

export interface OciOptions {
  /** As the config has it: `oci://host/repository`. */
  readonly name: string;
  readonly location: Location;
  readonly client: AuthorizedSender;
}

/** Media type of an object in its artifact. */
const OBJECT = "application/vnd.larder.shared.object.v1";

/** The empty config of an artifact (image-spec, "Guidance for an Empty Descriptor"). */
const EMPTY = new TextEncoder().encode("{}");
const EMPTY_CONFIG = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: digestOf(EMPTY),
  size: EMPTY.length,
};

/** 128 characters that a tag can have (distribution-spec, "Pulling manifests"). */
const MAX_TAG = 128;

type Send = Pick<HttpRequest, "method" | "headers" | "content" | "signal"> & { readonly url: URL };

/**
 * A registry that takes pushes. Each object is a blob and an artifact of it, in a repository of its kind, with a tag by
 * which the registry keeps it; images too, so that no registry refuses an index of which some images were never pulled.
 */
export class OciStore implements SharedStore {
  readonly name: string;
  readonly #options: OciOptions;

  constructor(options: OciOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** @inheritdoc */
  async get(
    object: SharedObject,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    const digest = isContent(object) ? object.digest : await this.#blobOf(object, signal);
    const url = this.#url(object, `blobs/${digest}`);
    const response = await this.#send(object, { method: "GET", url, headers, signal });
    if ([200, 206, 416].includes(response.status)) return response;
    throw await this.#failure(response, object, signal);
  }

  /** @inheritdoc */
  async has(object: SharedObject, signal?: AbortSignal): Promise<boolean> {
    const url = this.#url(object, `manifests/${tagOf(object)}`);
    const headers = { accept: OCI_MANIFEST };
    const response = await this.#send(object, { method: "HEAD", url, headers, signal });
    await response.body?.cancel();
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw await this.#failure(response, object, signal);
  }

  /** @inheritdoc */
  async put(
    object: SharedObject,
    content: NewObject,
    { signal }: { readonly signal?: AbortSignal },
  ): Promise<void> {
    const { contentDigest, size } = content;
    await this.#putBlob(object, contentDigest, content, signal);
    const answered = await this.#putBlob(object, EMPTY_CONFIG.digest, contentOf(EMPTY), signal);
    const manifest = new TextEncoder().encode(JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: OBJECT,
      config: EMPTY_CONFIG,
      layers: [{ mediaType: OBJECT, digest: contentDigest, size }],
    }));
    const url = new URL(this.#url(object, `manifests/${tagOf(object)}`).pathname, answered);
    const headers = { "content-type": OCI_MANIFEST };
    const body = contentOf(manifest);
    const response = await this.#send(object, {
      method: "PUT",
      url,
      headers,
      content: body,
      signal,
    });
    await this.#expect(response, object, 201, signal);
  }

  /** Returns the digest of a record, which only its artifact has. */
  async #blobOf(object: SharedObject, signal: AbortSignal | undefined): Promise<Digest> {
    const url = this.#url(object, `manifests/${tagOf(object)}`);
    const headers = { accept: OCI_MANIFEST };
    const response = await this.#send(object, { method: "GET", url, headers, signal });
    if (response.status !== 200) throw await this.#failure(response, object, signal);
    const bytes = await readSmall(response, MAX_DOCUMENT, { url, signal }) ?? new Uint8Array();
    const manifest = parseManifest(bytes, `${object.kind} ${object.digest}`);
    const layer = manifest.kind === "image"
      ? asDigest(manifest.layers[0]?.digest ?? "")
      : undefined;
    if (layer) return layer;
    throw new LarderError("LDR_BAD_MANIFEST", `${object.digest} is not an object of larder`, {
      hint: `remove it from ${this.name}`,
    });
  }

  /**
   * Uploads a blob in one piece, unless it is present (distribution-spec, "POST then PUT").
   * @returns the URL that answered, whose scheme is the one in use
   */
  async #putBlob(
    object: SharedObject,
    digest: Digest,
    content: HttpRequest["content"],
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const known = this.#url(object, `blobs/${digest}`);
    const found = await this.#send(object, { method: "HEAD", url: known, headers: {}, signal });
    await found.body?.cancel();
    if (found.status === 200) return found.url;
    const start = this.#url(object, "blobs/uploads/");
    const started = await this.#send(object, { method: "POST", url: start, headers: {}, signal });
    await this.#expect(started, object, 202, signal);
    const url = uploadUrl(started);
    url.searchParams.set("digest", digest);
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.#send(object, { method: "PUT", url, headers, content, signal });
    await this.#expect(response, object, 201, signal);
    return started.url;
  }

  #url({ kind }: SharedObject, path: string): URL {
    const { registry, path: prefix, isPlainHttp } = this.#options.location;
    return repositoryUrl({ registry, repository: `${prefix}/${kind}`, isPlainHttp }, path);
  }

  #send({ kind }: SharedObject, request: Send): Promise<HttpResponse> {
    const { client, location } = this.#options;
    const repository = `${location.path}/${kind}`;
    return client.send(location.registry, repository, { ...request, once: true });
  }

  async #expect(
    response: HttpResponse,
    object: SharedObject,
    status: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (response.status !== status) throw await this.#failure(response, object, signal);
    await response.body?.cancel();
  }

  #failure(response: HttpResponse, { kind, digest }: SharedObject, signal?: AbortSignal) {
    const subject = `${kind}/${digest}`;
    const { registry } = this.#options.location;
    return responseError(response, new URL(response.url), subject, registry, { signal });
  }
}

/**
 * Returns where an upload goes: at the same host, which has the credentials, and by HTTPS also if a registry behind a
 * proxy names HTTP.
 */
function uploadUrl({ headers, url: answered }: HttpResponse): URL {
  const { host, protocol } = new URL(answered);
  const url = URL.parse(headers.get("location") ?? "", answered);
  if (url?.host === host) {
    url.protocol = protocol;
    return url;
  }
  throw new LarderError("LDR_REDIRECT", `${host} answered with an upload at another host`, {
    hint: "tell the registry's operator",
  });
}

/** True if the digest of an object is that of its bytes. */
function isContent({ kind }: SharedObject): boolean {
  return kind === "data" || kind === "manifests";
}

/** Not `sha256-…`, with which tags of referrers begin. */
function tagOf({ digest }: SharedObject): string {
  return digest.replace(":", ".").slice(0, MAX_TAG);
}
