import { createHash, createHmac } from "node:crypto";
import { type Answer, type Request, textAnswer } from "./http_server.ts";
import { FaultyServer } from "./faulty_server.ts";

const ACCESS_KEY = "TESTACCESSKEY";
const SECRET_KEY = "test/secret+key/of-the-bucket";
const REGION = "test-region-1";

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly type: string | null;
}

/**
 * A server of one S3 bucket, as far as larder uses one. It checks every signature ("Create a signed AWS API request" of
 * AWS) without larder's own code, the hash of every body, and `If-None-Match`.
 */
export class S3Server extends FaultyServer {
  static readonly bucket = "test-bucket";
  readonly objects = new Map<string, StoredObject>();

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    await server.listen();
    return server;
  }

  get endpoint(): string {
    return `http://${this.host}`;
  }

  /** The variables that give a process access. */
  readonly environment = {
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
    AWS_REGION: REGION,
  };

  /** The settings of `shared` for this bucket. */
  settings(settings: object = {}): object {
    return { url: `s3://${S3Server.bucket}/team`, endpoint: this.endpoint, ...settings };
  }

  /** Returns the keys below the prefix, sorted. */
  keys(kind = ""): string[] {
    const prefix = `/${S3Server.bucket}/team/`;
    return [...this.objects.keys()].map((key) => key.slice(prefix.length))
      .filter((key) => key.startsWith(kind)).sort();
  }

  /** Changes an object. */
  change(key: string, changed: (bytes: Uint8Array) => Uint8Array): void {
    const path = `/${S3Server.bucket}/team/${key}`;
    const { bytes, type } = this.objects.get(path)!;
    this.objects.set(path, { bytes: changed(bytes), type });
  }

  /** Puts a copy of an object in the place of another. */
  copy(from: string, to: string): void {
    const path = (key: string) => `/${S3Server.bucket}/team/${key}`;
    this.objects.set(path(to), this.objects.get(path(from))!);
  }

  protected override answer(request: Request): Answer {
    const refusal = refusalOf(request);
    if (refusal) return s3Error(403, refusal);
    const path = decodeURIComponent(request.path);
    if (!path.startsWith(`/${S3Server.bucket}/`)) return s3Error(404, "NoSuchBucket");
    const object = this.objects.get(path);
    if (request.method === "PUT") {
      if (object && request.headers.get("if-none-match") === "*") {
        return s3Error(412, "PreconditionFailed");
      }
      this.objects.set(path, { bytes: request.bytes, type: request.headers.get("content-type") });
      return textAnswer(200, "");
    }
    if (!object) return s3Error(404, "NoSuchKey");
    const headers = { "Content-Type": object.type ?? "binary/octet-stream" };
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
    if (first === undefined) return { status: 200, headers, body: object.bytes };
    const { length } = object.bytes;
    if (Number(first) >= length) return s3Error(416, "InvalidRange");
    const end = Math.min(length, last ? Number(last) + 1 : length);
    return {
      status: 206,
      headers: { ...headers, "Content-Range": `bytes ${first}-${end - 1}/${length}` },
      body: object.bytes.subarray(Number(first), end),
    };
  }
}

export function s3Error(status: number, code: string): Answer {
  const text =
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>scripted</Message></Error>`;
  return textAnswer(status, text, { "Content-Type": "application/xml" });
}

/** Returns the code of the error for a request whose signature or body is wrong. */
function refusalOf({ method, path, headers, bytes }: Request): string | undefined {
  const [, scope = "", names = "", signature] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
      .exec(headers.get("authorization") ?? "") ?? [];
  if (signature === undefined) return "AccessDenied";
  const [key, day = "", region, service, end] = scope.split("/");
  if (key !== ACCESS_KEY) return "InvalidAccessKeyId";
  if (region !== REGION || service !== "s3" || end !== "aws4_request") {
    return "AuthorizationHeaderMalformed";
  }
  const payload = headers.get("x-amz-content-sha256") ?? "";
  const canonical = [
    method,
    path.split("/").map((part) => encodeURIComponent(decodeURIComponent(part))).join("/"),
    "",
    ...names.split(";").map((name) => `${name}:${headers.get(name)?.trim()}`),
    "",
    names,
    payload,
  ].join("\n");
  const time = headers.get("x-amz-date");
  const toSign = [
    "AWS4-HMAC-SHA256",
    time,
    [day, region, service, end].join("/"),
    sha256(canonical),
  ]
    .join("\n");
  let signing: Uint8Array | string = `AWS4${SECRET_KEY}`;
  for (const part of [day, region, service, end]) signing = hmac(signing, part);
  if (hmac(signing, toSign).toString("hex") !== signature) return "SignatureDoesNotMatch";
  if (!names.split(";").includes("host")) return "AccessDenied";
  const isWrong = payload !== "UNSIGNED-PAYLOAD" && payload !== sha256(bytes);
  return method === "PUT" && isWrong ? "XAmzContentSHA256Mismatch" : undefined;
}

function hmac(key: Uint8Array | string, text: string) {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
