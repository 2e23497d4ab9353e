import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../src/base/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { MAX_MANIFEST } from "../../src/oci/manifest.ts";
import { MANIFEST_ACCEPT } from "../../src/oci/media_types.ts";
import { type Authorizer, type DeniedRequest, RegistryClient } from "../../src/registry/client.ts";
import type { HttpRequest, Transport } from "../../src/registry/http/transport.ts";
import { image, type TestBlob } from "../support/cache/artifacts.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakeResponse, FakeTransport, response } from "../support/registry/fake_transport.ts";

const NAME = { registry: "reg.test", repository: "team/app" };
const BASE = "https://reg.test/v2/team/app";
const ARTIFACT = image(["a layer"]);
const MANIFEST = { "content-type": ARTIFACT.descriptor.mediaType };
const DIGEST = ARTIFACT.descriptor.digest as Digest;
const OTHER = digestOf(new Uint8Array([1]));
const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);

/** Returns `Token 1`, `Token 2`, …, and fails after `limit`. */
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

Deno.test("RegistryClient.send sends a denied request again with authorization", async () => {
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

Deno.test("RegistryClient.send sends a known authorization at once", async () => {
  const transport = new FakeTransport(manifestResponse());
  await repository(transport, new FakeAuthorizer(0, "Token 0")).manifest("v1");
  assert.deepEqual(authorizations(transport.requests), ["Token 0"]);
});

for (const status of [401, 403]) {
  Deno.test(`RegistryClient.send replaces a token after ${status}`, async () => {
    const transport = new FakeTransport(response(status), manifestResponse());
    const authorizer = new FakeAuthorizer(1, "Token 0");
    await repository(transport, authorizer).manifest("v1");
    assert.deepEqual(authorizations(transport.requests), ["Token 0", "Token 1"]);
    assert.deepEqual(authorizer.denials.map(({ status, sent }) => [status, sent]), [
      [status, "Token 0"],
    ]);
  });
}

Deno.test("RegistryClient.send returns a 403 to a request without authorization", async () => {
  const transport = new FakeTransport(response(403));
  const authorizer = new FakeAuthorizer();
  await assert.rejects(repository(transport, authorizer).manifest("v1"), withCode("LDR_FORBIDDEN"));
  assert.equal(authorizer.denials.length, 0);
});

Deno.test("RegistryClient.send ends repeated denials with the authorizer's error", async () => {
  const denial = [response(401), response(401), response(401)];
  const transport = new FakeTransport(...denial);
  await assert.rejects(
    repository(transport, new FakeAuthorizer(2)).manifest("v1"),
    /given up/,
  );
  assert.deepEqual(authorizations(transport.requests), [undefined, "Token 1", "Token 2"]);
  assert.deepEqual(denial.map((answer) => answer.isReleased), [true, true, true]);
});

Deno.test("RegistryClient.ping requests /v2/ with authorization", async () => {
  const transport = new FakeTransport(response(401), response(200, {}, "{}"));
  const authorizer = new FakeAuthorizer();
  const client = new RegistryClient({ transport, authorizer, clock: new FakeClock() });
  await client.ping("reg.test");
  assert.deepEqual(transport.lines, Array(2).fill("GET https://reg.test/v2/"));
  assert.equal(authorizer.denials[0]!.repository, undefined);
});

for (const [status, code] of [[404, "LDR_NOT_FOUND"], [500, "LDR_SERVER_ERROR"]] as const) {
  Deno.test(`RegistryClient.ping fails with ${code} after ${status}`, async () => {
    const client = new RegistryClient({
      clock: new FakeClock(),
      transport: new FakeTransport(response(status)),
      authorizer: new FakeAuthorizer(),
    });
    await assert.rejects(client.ping("reg.test"), withCode(code));
  });
}

/** Name, response to the HEAD request, and the digest or error. */
const HEADS: [string, FakeResponse, Digest | ErrorCode | undefined][] = [
  ["a digest", response(200, { "docker-content-digest": DIGEST }), DIGEST],
  ["no digest", response(200), undefined],
  ["an invalid digest", response(200, { "docker-content-digest": "sha256:../x" }), undefined],
  ["404", response(404), undefined],
  ["405", response(405), undefined],
  ["501", response(501), undefined],
  ["400", response(400), undefined],
  ["302 without a location", response(302), undefined],
  ["401 without a challenge", response(401), undefined],
  ["403", response(403), undefined],
  ["408", response(408), undefined],
  ["429", response(429), "LDR_RATE_LIMITED"],
  ["500", response(500), undefined],
  ["502", response(502), undefined],
  ["503", response(503), undefined],
];

for (const [name, answer, outcome] of HEADS) {
  Deno.test(`Repository.head with ${name}`, async () => {
    const transport = new FakeTransport(answer);
    const head = repository(transport).head("v1");
    if (outcome?.startsWith("LDR_")) await assert.rejects(head, withCode(outcome as ErrorCode));
    else assert.equal(await head, outcome);
    assert.deepEqual(transport.lines, [`HEAD ${BASE}/manifests/v1`]);
    assert.equal(transport.requests[0]!.headers.accept, MANIFEST_ACCEPT);
    assert.equal(answer.isReleased, true);
  });
}

Deno.test("Repository.manifest requests a tag or digest with the supported media types", async () => {
  for (const target of ["v1", DIGEST]) {
    const transport = new FakeTransport(manifestResponse());
    const manifest = await repository(transport).manifest(target);
    assert.deepEqual(manifest.bytes, ARTIFACT.bytes);
    assert.deepEqual(transport.lines, [`GET ${BASE}/manifests/${target}`]);
    assert.equal(transport.requests[0]!.headers.accept, MANIFEST_ACCEPT);
  }
});

/** Name, tag or digest, response, and the digest or error. */
const MANIFESTS: [string, string, FakeResponse, Digest | ErrorCode][] = [
  ["a matching digest header", "v1", manifestResponse({ "docker-content-digest": DIGEST }), DIGEST],
  [
    "another digest header",
    "v1",
    manifestResponse({ "docker-content-digest": OTHER }),
    "LDR_DIGEST_MISMATCH",
  ],
  ["an invalid digest header", "v1", manifestResponse({ "docker-content-digest": "x" }), DIGEST],
  [
    "a digest header of another algorithm",
    "v1",
    manifestResponse({ "docker-content-digest": digestOf(new Uint8Array(), "sha512") }),
    DIGEST,
  ],
  [
    "another digest header for a requested digest",
    DIGEST,
    manifestResponse({ "docker-content-digest": OTHER }),
    DIGEST,
  ],
  ["bytes of another digest", OTHER, manifestResponse(), "LDR_DIGEST_MISMATCH"],
  [
    "a web page",
    "v1",
    response(200, { "content-type": "text/html" }, "<html>"),
    "LDR_BAD_MANIFEST",
  ],
  ["an empty body", "v1", response(200, {}, ""), "LDR_BAD_MANIFEST"],
  ["404", "v1", response(404), "LDR_NOT_FOUND"],
  ["206", "v1", response(206, MANIFEST, [ARTIFACT.bytes]), "LDR_BAD_RESPONSE"],
  ["429", "v1", response(429), "LDR_RATE_LIMITED"],
];

for (const [name, target, answer, outcome] of MANIFESTS) {
  Deno.test(`Repository.manifest with ${name}`, async () => {
    const manifest = repository(new FakeTransport(answer)).manifest(target);
    if (outcome.startsWith("LDR_")) await assert.rejects(manifest, withCode(outcome as ErrorCode));
    else assert.equal((await manifest).digest, outcome);
    assert.equal(answer.isReleased, true);
  });
}

Deno.test("Repository.manifest names the full reference in an error", async () => {
  const of = (target: string) => repository(new FakeTransport(response(404))).manifest(target);
  await assert.rejects(of("v1"), /not found: reg\.test\/team\/app:v1: reg\.test answered 404/);
  await assert.rejects(
    of(DIGEST),
    (error) => String(error).includes(`reg.test/team/app@${DIGEST}:`),
  );
});

Deno.test("Repository.manifest stops reading a manifest over the limit", async () => {
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

/** Name, offset, responses, and the offset of the content or the error. */
const BLOBS: [string, number, FakeResponse[], number | ErrorCode][] = [
  ["a whole blob", 0, [blobResponse(200, { "content-length": String(SIZE) })], 0],
  ["no announced length", 0, [blobResponse(200, {})], 0],
  ["a range", 3, [blobResponse(206, rest(3), 3)], 3],
  ["an ignored range", 3, [blobResponse(200, { "content-length": String(SIZE) })], 0],
  ["416", SIZE - 1, [response(416), blobResponse(200, {})], 0],
  ["another range", 3, [blobResponse(206, rest(4), 4), blobResponse(200, {})], 0],
  ["an unrequested range", 0, [blobResponse(206, rest(4), 4)], "LDR_BAD_RESPONSE"],
  [
    "an announced length too short",
    0,
    [blobResponse(200, { "content-length": String(SIZE - 1) })],
    "LDR_SIZE_MISMATCH",
  ],
  [
    "an announced length too long",
    0,
    [blobResponse(200, { "content-length": String(SIZE + 1) })],
    "LDR_SIZE_MISMATCH",
  ],
  [
    "an announced length too long for the range",
    3,
    [blobResponse(206, { ...rest(3), "content-length": String(SIZE) }, 3), blobResponse(200, {})],
    0,
  ],
  [
    "another length instead of the range",
    3,
    [blobResponse(200, { "content-length": String(SIZE + 1) })],
    "LDR_SIZE_MISMATCH",
  ],
  [
    "an invalid announced length",
    0,
    [blobResponse(200, { "content-length": "many" })],
    0,
  ],
  [
    "the length of encoded content",
    0,
    [blobResponse(200, { "content-length": "1", "content-encoding": "gzip" })],
    0,
  ],
  ["404", 0, [response(404)], "LDR_NOT_FOUND"],
  ["404 to a range", 3, [response(404)], "LDR_NOT_FOUND"],
  ["500", 0, [response(500)], "LDR_SERVER_ERROR"],
];

for (const [name, offset, answers, outcome] of BLOBS) {
  Deno.test(`Repository.fetch with ${name}`, async () => {
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
    assert.equal(
      transport.requests[0]!.headers.range,
      offset ? `bytes=${offset}-${SIZE - 1}` : undefined,
    );
    assert.ok(answers.every((answer) => answer.isReleased));
  });
}

Deno.test("Repository.fetch does not blame the name for a blob that the registry lacks", async () => {
  const fetched = repository(new FakeTransport(response(404))).fetch(blobOf(LAYER));
  await assert.rejects(fetched, (error) => /publisher/.test((error as LarderError).hint ?? ""));
});
