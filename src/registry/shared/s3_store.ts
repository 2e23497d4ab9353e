import { AwsV4Signer } from "aws4fetch";
import { type ErrorCode, excerpt, LarderError } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { readSmall } from "../http/body.ts";
import type { HttpRequest, HttpResponse, Transport } from "../http/transport.ts";
import type { FindCredentials } from "./aws_credentials.ts";
import type { NewObject, SharedObject, SharedStore } from "./shared_store.ts";

export interface S3Options {
  /** As the config has it: `s3://bucket/prefix`. */
  readonly name: string;
  readonly bucket: string;
  /** "" or a path that ends with `/`. */
  readonly prefix: string;
  readonly endpoint: URL;
  readonly region: string;
  readonly credentials: FindCredentials;
  /** Sends bodies with a length, which the runtime's own client cannot. */
  readonly transport: Transport;
}

/** 5 GiB limit on one request ("Uploading objects"). */
const MAX_OBJECT = 5 * 1024 ** 3;

/** The statuses of an object that is present already: 409 if it is being written. */
const PRESENT = new Set([409, 412]);

/** A bucket of S3 or of a server that speaks its protocol, by path: `ENDPOINT/BUCKET/PREFIX/data/DIGEST`. */
export class S3Store implements SharedStore {
  readonly name: string;
  readonly maxObject = MAX_OBJECT;
  readonly #options: S3Options;
  /** Signing keys, which change daily. */
  readonly #keys = new Map<string, ArrayBuffer>();

  constructor(options: S3Options) {
    this.name = options.name;
    this.#options = options;
  }

  /** @inheritdoc */
  async get(
    object: SharedObject,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    const response = await this.#send("GET", object, headers, signal);
    if ([200, 206, 416].includes(response.status)) return response;
    throw await failure(response, object, "read", this.name);
  }

  /** @inheritdoc */
  async has(object: SharedObject, signal?: AbortSignal): Promise<boolean> {
    const response = await this.#send("HEAD", object, {}, signal);
    await response.body?.cancel();
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw await failure(response, object, "look for", this.name);
  }

  /** @inheritdoc */
  async put(
    object: SharedObject,
    content: NewObject,
    { replaces, signal }: { readonly replaces: boolean; readonly signal?: AbortSignal },
  ): Promise<void> {
    const headers = {
      "content-type": content.mediaType,
      ...hashHeader(content.contentDigest),
      ...!replaces && { "if-none-match": "*" },
    };
    const response = await this.#send("PUT", object, headers, signal, content);
    if (response.status < 300 || (!replaces && PRESENT.has(response.status))) {
      await bodyText(response); // To its end, so that the connection is used again.
      return;
    }
    throw await failure(response, object, "write", this.name);
  }

  async #send(
    method: "GET" | "HEAD" | "PUT",
    object: SharedObject,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
    content?: NewObject,
  ): Promise<HttpResponse> {
    const url = this.#urlOf(object);
    const signed = await this.#sign(method, url, headers);
    const request: HttpRequest = { method, url, headers: signed, signal, content, once: true };
    return await this.#options.transport.send(request);
  }

  #urlOf({ kind, digest }: SharedObject): URL {
    const { endpoint, bucket, prefix } = this.#options;
    const base = endpoint.href.replace(/\/$/, "");
    return new URL(`${base}/${bucket}/${prefix}${kind}/${digest}`);
  }

  /** Adds a signature ("Signature Version 4" of AWS). */
  async #sign(
    method: string,
    url: URL,
    headers: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>> {
    const { region } = this.#options;
    const credentials = await this.#options.credentials();
    if (!credentials) return { ...headers };
    const signer = new AwsV4Signer({
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      ...credentials.sessionToken && { sessionToken: credentials.sessionToken },
      method,
      url: url.href,
      headers,
      region,
      service: "s3",
      cache: this.#keys,
    });
    const signed = await signer.sign();
    return Object.fromEntries(signed.headers);
  }
}

/** Makes the server refuse bytes of another digest; without it, the signature covers no body. */
function hashHeader(digest: Digest): Record<string, string> {
  if (algorithmOf(digest) !== "sha256") return {};
  return { "x-amz-content-sha256": digest.slice("sha256:".length) };
}

async function failure(
  response: HttpResponse,
  { kind, digest }: SharedObject,
  verb: string,
  name: string,
): Promise<LarderError> {
  const { status, url, headers } = response;
  const text = await bodyText(response);
  const [, s3Code] = /<Code>([^<]+)<\/Code>/.exec(text) ?? [];
  const [, detail] = /<Message>([^<]+)<\/Message>/.exec(text) ?? [];
  const said = [s3Code, detail && excerpt(detail)].filter((part) => part).join(": ");
  const answer = `${new URL(url).host} answered ${status}${said && ` (${said})`}`;
  const message = `cannot ${verb} ${kind}/${digest}: ${answer}`;
  const region = headers.get("x-amz-bucket-region");
  if (region && (status === 301 || status === 400)) {
    const place = `the bucket is in ${excerpt(region)}`;
    throw new LarderError("LDR_BAD_RESPONSE", `${message}: ${place}`, {
      hint: `set shared.region to ${excerpt(region)}`,
    });
  }
  const isMiss = status === 404 && s3Code !== "NoSuchBucket";
  const [code, hint] = isMiss ? NOT_FOUND : meaning(status, name);
  return new LarderError(code, message, { hint });
}

const NOT_FOUND = ["LDR_NOT_FOUND", "write it first"] as const;

function meaning(status: number, name: string): readonly [ErrorCode, string] {
  if (status === 401 || status === 403) {
    return [
      "LDR_FORBIDDEN",
      `check AWS_ACCESS_KEY_ID, shared.region, and that the user may list and read ${name}`,
    ];
  }
  if (status === 429 || status === 503) return ["LDR_RATE_LIMITED", "try again later"];
  if (status >= 500) return ["LDR_SERVER_ERROR", "the fault is the server's: try again later"];
  return ["LDR_BAD_RESPONSE", `check shared.url (${name}), shared.endpoint and shared.region`];
}

async function bodyText(response: HttpResponse): Promise<string> {
  const bytes = await readSmall(response, MAX_DOCUMENT, { url: new URL(response.url) })
    .catch(() => undefined);
  return new TextDecoder().decode(bytes);
}
