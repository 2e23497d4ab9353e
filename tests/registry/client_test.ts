import { MAX_MANIFEST } from "../../src/oci/manifest.ts";
import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../src/base/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { MANIFEST_ACCEPT } from "../../src/oci/media_types.ts";
import { type Authorizer, type DeniedRequest, RegistryClient } from "../../src/registry/client.ts";
import type { HttpRequest, Transport } from "../../src/registry/http/transport.ts";
import { image, type TestBlob } from "../support/cache/artifacts.ts";
import { type FakeResponse, FakeTransport, response } from "../support/registry/fake_transport.ts";
import { FakeClock } from "../support/fake_clock.ts";

const NAME = { registry: "reg.test", repository: "team/app" };
const BASE = "https://reg.test/v2/team/app";
const ARTIFACT = image(["a layer"]);
const MANIFEST = { "content-type": ARTIFACT.descriptor.mediaType };
const DIGEST = ARTIFACT.descriptor.digest as Digest;
const OTHER = digestOf(new Uint8Array([1]));
const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);

/** Answers with `Token 1`, `Token 2`, … and gives up after `limit`. */
class FakeAuthorizer implements Authorizer {
  readonly denials: DeniedRequest[] = [];
  readonly #limit: number;
  known: string | undefined;

  constructor(limit = 1, known?: string) {
    this.#limit = limit;
    this.known = known;
  }

  current(): string | undefined {
    return this.known;
  }

  // deno-lint-ignore require-await
  async authorize(denied: DeniedRequest): Promise<string> {
    this.denials.push(denied);
    if (this.denials.length > this.#limit) {
      throw new LarderError("LDR_UNAUTHORIZED", "given up", { hint: "h" });
    }
    return `Token ${this.denials.length}`;
  }
}

function repository(transport: Transport, authorizer: Authorizer = new FakeAuthorizer()) {
  return new RegistryClient({ transport, authorizer, clock: new FakeClock() }).repository(NAME);
}

const manifestResponse = (headers: Record<string, string> = MANIFEST) =>
  response(200, headers, [ARTIFACT.bytes]);
const authorizations = (requests: readonly HttpRequest[]) =>
  requests.map(({ headers }) => headers.authorization);

Deno.test("a denied request is sent again with the authorization that it was denied for", async () => {
  const denial = response(401, { "www-authenticate": 'Bearer realm="https://auth.test"' });
  const transport = new FakeTransport(denial, manifestResponse());
  const authorizer = new FakeAuthorizer();
  const manifest = await repository(transport, authorizer).manifest("v1");
  assert.equal(manifest.digest, DIGEST);
  assert.deepEqual(authorizations(transport.requests), [undefined, "Token 1"]);
  const [denied] = authorizer.denials;
  assert.deepEqual([denied!.registry, denied!.repository], [NAME.registry, NAME.repository]);
  assert.deepEqual([denied!.status, denied!.sent], [401, undefined]);
  assert.equal(denied!.url.href, `${BASE}/manifests/v1`);
  assert.equal(denied!.headers.get("www-authenticate"), 'Bearer realm="https://auth.test"');
  assert.equal(denial.isReleased, true);
});

Deno.test("what is known is sent at once", async () => {
  const transport = new FakeTransport(manifestResponse());
  await repository(transport, new FakeAuthorizer(0, "Token 0")).manifest("v1");
  assert.deepEqual(authorizations(transport.requests), ["Token 0"]);
});

for (const status of [401, 403]) {
  Deno.test(`a token that gets ${status} is replaced`, async () => {
    const transport = new FakeTransport(response(status), manifestResponse());
    const authorizer = new FakeAuthorizer(1, "Token 0");
    await repository(transport, authorizer).manifest("v1");
    assert.deepEqual(authorizations(transport.requests), ["Token 0", "Token 1"]);
    assert.deepEqual(authorizer.denials.map(({ status, sent }) => [status, sent]), [
      [status, "Token 0"],
    ]);
  });
}

Deno.test("a 403 to nobody is an answer", async () => {
  const transport = new FakeTransport(response(403));
  const authorizer = new FakeAuthorizer();
  await assert.rejects(repository(transport, authorizer).manifest("v1"), withCode("LDR_FORBIDDEN"));
  assert.equal(authorizer.denials.length, 0);
});

Deno.test("denials without end end with the authorizer's own error", async () => {
  const denial = [response(401), response(401), response(401)];
  const transport = new FakeTransport(...denial);
  await assert.rejects(
    repository(transport, new FakeAuthorizer(2)).manifest("v1"),
    /given up/,
  );
  assert.deepEqual(authorizations(transport.requests), [undefined, "Token 1", "Token 2"]);
  assert.deepEqual(denial.map((answer) => answer.isReleased), [true, true, true]);
});

Deno.test("a registry that lets us in answers the ping", async () => {
  const transport = new FakeTransport(response(401), response(200, {}, "{}"));
  const authorizer = new FakeAuthorizer();
  const client = new RegistryClient({ transport, authorizer, clock: new FakeClock() });
  await client.ping("reg.test");
  assert.deepEqual(transport.lines, Array(2).fill("GET https://reg.test/v2/"));
  assert.equal(authorizer.denials[0]!.repository, undefined);
});

for (const [status, code] of [[404, "LDR_NOT_FOUND"], [500, "LDR_SERVER_ERROR"]] as const) {
  Deno.test(`a ping that gets ${status} is ${code}`, async () => {
    const client = new RegistryClient({
      clock: new FakeClock(),
      transport: new FakeTransport(response(status)),
      authorizer: new FakeAuthorizer(),
    });
    await assert.rejects(client.ping("reg.test"), withCode(code));
  });
}

/** What HEAD is answered with, and the digest or error. */
const HEADS: [string, FakeResponse, Digest | ErrorCode | undefined][] = [
  ["a digest", response(200, { "docker-content-digest": DIGEST }), DIGEST],
  ["no digest", response(200), undefined],
  ["no digest that is one", response(200, { "docker-content-digest": "sha256:../x" }), undefined],
  ["not found", response(404), undefined],
  ["no such method", response(405), undefined],
  ["not implemented", response(501), undefined],
  ["a bad request", response(400), undefined],
  ["a redirect to nowhere", response(302), undefined],
  ["forbidden", response(403), "LDR_FORBIDDEN"],
  ["a time-out", response(408), "LDR_SERVER_ERROR"],
  ["too many requests", response(429), "LDR_RATE_LIMITED"],
  ["a failure", response(500), "LDR_SERVER_ERROR"],
  ["a failing gateway", response(502), "LDR_SERVER_ERROR"],
  ["out of service", response(503), "LDR_SERVER_ERROR"],
];

for (const [name, answer, outcome] of HEADS) {
  Deno.test(`HEAD of a tag: ${name}`, async () => {
    const transport = new FakeTransport(answer);
    const head = repository(transport).head("v1");
    if (outcome?.startsWith("LDR_")) await assert.rejects(head, withCode(outcome as ErrorCode));
    else assert.equal(await head, outcome);
    assert.deepEqual(transport.lines, [`HEAD ${BASE}/manifests/v1`]);
    assert.equal(transport.requests[0]!.headers.accept, MANIFEST_ACCEPT);
    assert.equal(answer.isReleased, true);
  });
}

Deno.test("a manifest is asked for by tag or digest, with the types that are understood", async () => {
  for (const target of ["v1", DIGEST]) {
    const transport = new FakeTransport(manifestResponse());
    const manifest = await repository(transport).manifest(target);
    assert.deepEqual(manifest.bytes, ARTIFACT.bytes);
    assert.deepEqual(transport.lines, [`GET ${BASE}/manifests/${target}`]);
    assert.equal(transport.requests[0]!.headers.accept, MANIFEST_ACCEPT);
  }
});

/** Name, what is asked for, the answer, and the digest or error. */
const MANIFESTS: [string, string, FakeResponse, Digest | ErrorCode][] = [
  ["a header that agrees", "v1", manifestResponse({ "docker-content-digest": DIGEST }), DIGEST],
  [
    "a header that does not",
    "v1",
    manifestResponse({ "docker-content-digest": OTHER }),
    "LDR_DIGEST_MISMATCH",
  ],
  ["a header that is no digest", "v1", manifestResponse({ "docker-content-digest": "x" }), DIGEST],
  [
    "a header in another algorithm",
    "v1",
    manifestResponse({ "docker-content-digest": digestOf(new Uint8Array(), "sha512") }),
    DIGEST,
  ],
  [
    "another's header, for a digest that is right",
    DIGEST,
    manifestResponse({ "docker-content-digest": OTHER }),
    DIGEST,
  ],
  ["other bytes than the digest's", OTHER, manifestResponse(), "LDR_DIGEST_MISMATCH"],
  [
    "a web page",
    "v1",
    response(200, { "content-type": "text/html" }, "<html>"),
    "LDR_BAD_MANIFEST",
  ],
  ["nothing", "v1", response(200, {}, ""), "LDR_BAD_MANIFEST"],
  ["not found", "v1", response(404), "LDR_NOT_FOUND"],
  ["a part of it", "v1", response(206, MANIFEST, [ARTIFACT.bytes]), "LDR_BAD_RESPONSE"],
  ["too many requests", "v1", response(429), "LDR_RATE_LIMITED"],
];

for (const [name, target, answer, outcome] of MANIFESTS) {
  Deno.test(`GET of a manifest: ${name}`, async () => {
    const manifest = repository(new FakeTransport(answer)).manifest(target);
    if (outcome.startsWith("LDR_")) await assert.rejects(manifest, withCode(outcome as ErrorCode));
    else assert.equal((await manifest).digest, outcome);
    assert.equal(answer.isReleased, true);
  });
}

Deno.test("an error names what was asked for in full", async () => {
  const of = (target: string) => repository(new FakeTransport(response(404))).manifest(target);
  await assert.rejects(of("v1"), /not found: reg\.test\/team\/app:v1: reg\.test answered 404/);
  await assert.rejects(
    of(DIGEST),
    (error) => String(error).includes(`reg.test/team/app@${DIGEST}:`),
  );
});

Deno.test("a manifest over the limit is refused without being read to its end", async () => {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1024 * 1024;
      controller.enqueue(new Uint8Array(1024 * 1024));
    },
  }, { highWaterMark: 0 });
  const endless = new FakeTransport({ ...response(200), body });
  await assert.rejects(
    repository(endless).manifest("v1"),
    (error) => hasCode(error, "LDR_BAD_MANIFEST") && /larger than 4\.00 MiB/.test(error.message),
  );
  assert.equal(sent, MAX_MANIFEST + 1024 * 1024);
});

const LAYER = ARTIFACT.blobs.at(-1)!;
const blobOf = ({ descriptor }: TestBlob) => ({
  ...descriptor,
  digest: descriptor.digest as Digest,
});
const SIZE = LAYER.bytes.length;
const blobResponse = (status: number, headers: Record<string, string>, from = 0) =>
  response(status, headers, [LAYER.bytes.subarray(from)]);
const rest = (from: number) => ({
  "content-range": `bytes ${from}-${SIZE - 1}/${SIZE}`,
  "content-length": String(SIZE - from),
});

/** Name, the offset, the answers, where the content begins or the error. */
const BLOBS: [string, number, FakeResponse[], number | ErrorCode][] = [
  ["all of it", 0, [blobResponse(200, { "content-length": String(SIZE) })], 0],
  ["no length announced", 0, [blobResponse(200, {})], 0],
  ["the rest", 3, [blobResponse(206, rest(3), 3)], 3],
  ["an ignored range", 3, [blobResponse(200, { "content-length": String(SIZE) })], 0],
  ["past the end", SIZE, [response(416), blobResponse(200, {})], 0],
  ["another part", 3, [blobResponse(206, rest(4), 4), blobResponse(200, {})], 0],
  ["a part unasked for", 0, [blobResponse(206, rest(4), 4)], "LDR_BAD_RESPONSE"],
  [
    "too short",
    0,
    [blobResponse(200, { "content-length": String(SIZE - 1) })],
    "LDR_SIZE_MISMATCH",
  ],
  ["too long", 0, [blobResponse(200, { "content-length": String(SIZE + 1) })], "LDR_SIZE_MISMATCH"],
  [
    "a rest too long",
    3,
    [blobResponse(206, { ...rest(3), "content-length": String(SIZE) }, 3), blobResponse(200, {})],
    0,
  ],
  [
    "another page instead of the rest",
    3,
    [blobResponse(200, { "content-length": String(SIZE + 1) })],
    "LDR_SIZE_MISMATCH",
  ],
  [
    "a length that is none",
    0,
    [blobResponse(200, { "content-length": "many" })],
    "LDR_SIZE_MISMATCH",
  ],
  [
    "an encoded length says nothing",
    0,
    [blobResponse(200, { "content-length": "1", "content-encoding": "gzip" })],
    0,
  ],
  ["not found", 0, [response(404)], "LDR_NOT_FOUND"],
  ["not found when resumed", 3, [response(404)], "LDR_NOT_FOUND"],
  ["a failure", 0, [response(500)], "LDR_SERVER_ERROR"],
];

for (const [name, offset, answers, outcome] of BLOBS) {
  Deno.test(`GET of a blob: ${name}`, async () => {
    const transport = new FakeTransport(...answers);
    const fetched = repository(transport).fetch(blobOf(LAYER), offset);
    if (typeof outcome === "string") {
      await assert.rejects(fetched, withCode(outcome));
    } else {
      const content = await fetched;
      assert.equal(content.offset, outcome);
      const bytes: number[] = [];
      for await (const chunk of content.chunks) bytes.push(...chunk);
      assert.deepEqual(new Uint8Array(bytes), LAYER.bytes.subarray(outcome));
    }
    assert.equal(transport.lines[0], `GET ${BASE}/blobs/${LAYER.descriptor.digest}`);
    assert.equal(transport.requests[0]!.headers.range, offset ? `bytes=${offset}-` : undefined);
    assert.ok(answers.every((answer) => answer.isReleased));
  });
}
