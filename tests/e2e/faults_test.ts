import assert from "node:assert/strict";
import { archiveOf, blob, image, manifestOf, randomBytes } from "../support/artifacts.ts";
import { type Result, User } from "../support/cli.ts";
import {
  body,
  endlessBody,
  type Fault,
  gzipEncoded,
  html,
  longBody,
  redirect,
  redirectLoop,
  resetAfter,
  shortBody,
  shortChunks,
  status,
  tooManyRequests,
  truncatedAfter,
  withHeader,
  wrongBytes,
} from "../support/faults.ts";
import { FixtureRegistry } from "../support/fixture_registry.ts";
import { assertNoRubbish, assertStoreSound, filesBelow } from "../support/store_check.ts";

const LAYER = blob(randomBytes(64 * 1024));
const SMALL = blob("a small one");
const APP = image([LAYER, SMALL]);
const MANIFEST = "GET /v2/app/manifests/v1";
const LAYER_PATH = `GET /v2/app/blobs/${LAYER.descriptor.digest}`;

interface FaultCase {
  readonly name: string;
  readonly on: string;
  readonly fault: Fault;
  /** How often it happens; without it, every time. */
  readonly times?: number;
  /** 0 where larder is to get over it. */
  readonly code: number;
  readonly error?: string;
}

/** Pulls the app while the registry fails so, and then from a registry that is well again. */
async function pullThrough({ on, fault, times, code, error }: FaultCase): Promise<Result> {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const reference = registry.add("app", APP, "v1");
  registry.fail(on, fault, times);
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, code, result.stderr);
  assertStoreSound(user.registry);
  if (code === 0) {
    assert.equal(result.stdout, `${reference}@${APP.descriptor.digest}\n`);
  } else {
    assert.equal(result.stdout, "");
    assert.match(result.stderr, new RegExp(`^error: .*\\[${error}\\]\nhint: .+\n$`, "m"));
    assert.deepEqual(filesBelow(`${user.registry}/manifests`), [], "an entry was published");
  }
  registry.heal();
  const healed = await user.larder(["pull", reference]);
  assert.equal(healed.code, 0, healed.stderr);
  assertStoreSound(user.registry);
  assertNoRubbish(user.registry);
  return result;
}

function faultTests(name: string, cases: readonly FaultCase[]): void {
  Deno.test(name, async (t) => {
    for (const each of cases) {
      await t.step(each.name, async () => {
        await pullThrough(each);
      });
    }
  });
}

const length = LAYER.bytes.length;

faultTests("a blob that is not what it should be is exit 5, and nothing of it is kept", [
  {
    name: "wrong bytes",
    on: LAYER_PATH,
    fault: wrongBytes,
    code: 5,
    error: "LDR_DIGEST_MISMATCH",
  },
  {
    name: "too short, every time",
    on: LAYER_PATH,
    fault: shortBody(1000),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  {
    name: "too short without a length, every time",
    on: LAYER_PATH,
    fault: shortChunks(1000),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  {
    name: "empty, every time",
    on: LAYER_PATH,
    fault: shortBody(0),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  {
    name: "too long",
    on: LAYER_PATH,
    fault: longBody(new Uint8Array(5)),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  { name: "endless", on: LAYER_PATH, fault: endlessBody, code: 5, error: "LDR_SIZE_MISMATCH" },
  { name: "a web page", on: LAYER_PATH, fault: html, code: 5, error: "LDR_SIZE_MISMATCH" },
]);

faultTests("a connection that breaks is tried again, from where it broke", [
  { name: "cut short once", on: LAYER_PATH, fault: truncatedAfter(1000), times: 1, code: 0 },
  { name: "cut short at nothing", on: LAYER_PATH, fault: truncatedAfter(0), times: 1, code: 0 },
  {
    name: "reset in the middle once",
    on: LAYER_PATH,
    fault: resetAfter(length / 2),
    times: 1,
    code: 0,
  },
  { name: "reset at nothing", on: LAYER_PATH, fault: resetAfter(0), times: 1, code: 0 },
  { name: "too short once", on: LAYER_PATH, fault: shortChunks(1000), times: 1, code: 0 },
  { name: "reset in the manifest", on: MANIFEST, fault: resetAfter(10), times: 1, code: 0 },
  {
    name: "a manifest that is cut short",
    on: MANIFEST,
    fault: truncatedAfter(10),
    times: 1,
    code: 0,
  },
]);

faultTests("a connection that breaks every time is exit 6", [
  {
    name: "reset in the layer",
    on: LAYER_PATH,
    fault: resetAfter(0),
    code: 6,
    error: "LDR_UNREACHABLE",
  },
  {
    name: "reset in the manifest",
    on: MANIFEST,
    fault: resetAfter(10),
    code: 6,
    error: "LDR_UNREACHABLE",
  },
  {
    name: "the manifest is cut short",
    on: MANIFEST,
    fault: truncatedAfter(10),
    code: 6,
    error: "LDR_UNREACHABLE",
  },
]);

faultTests("gzip on the way is refused, since it was not asked for", [
  { name: "of a blob", on: LAYER_PATH, fault: gzipEncoded, code: 5, error: "LDR_SIZE_MISMATCH" },
  { name: "of a manifest", on: MANIFEST, fault: gzipEncoded, code: 1, error: "LDR_BAD_MANIFEST" },
]);

Deno.test("a gzipped layer that is called gzip-encoded is kept as it is", async () => {
  // What object stores do with files that were uploaded so: the bytes are the blob's own.
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const layer = blob(await archiveOf({ "a.txt": "compressed once".repeat(100) }));
  registry.fail("/blobs/", withHeader("Content-Encoding", "gzip"));
  const config = blob(await archiveOf({}), "application/vnd.example.config");
  const result = await user.larder(["pull", registry.add("app", image([layer], { config }), "v1")]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
});

faultTests("a manifest that is none is refused", [
  { name: "a web page", on: MANIFEST, fault: html, code: 1, error: "LDR_BAD_MANIFEST" },
  {
    name: "not JSON",
    on: MANIFEST,
    fault: withoutDigest(body("{oops")),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  {
    name: "a JSON array",
    on: MANIFEST,
    fault: withoutDigest(body("[]")),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  {
    name: "empty",
    on: MANIFEST,
    fault: withoutDigest(body("")),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  {
    name: "over 4 MiB",
    on: MANIFEST,
    fault: withoutDigest(body(`{"schemaVersion":2,"pad":"${"x".repeat(4 * 1024 * 1024)}"}`)),
    code: 1,
    error: "LDR_BAD_MANIFEST",
  },
  { name: "endless", on: MANIFEST, fault: endlessBody, code: 1, error: "LDR_BAD_MANIFEST" },
  {
    name: "other bytes than its digest header says",
    on: MANIFEST,
    fault: withHeader("Docker-Content-Digest", `sha256:${"0".repeat(64)}`),
    code: 5,
    error: "LDR_DIGEST_MISMATCH",
  },
]);

/** Without the header that tells on the body. */
function withoutDigest(fault: Fault): Fault {
  return async (answer, request) => {
    const { headers, ...rest } = await fault(answer, request);
    const { "Docker-Content-Digest": _, ...others } = headers;
    return { ...rest, headers: others };
  };
}

Deno.test("a manifest that larder cannot use is exit 1 and says so", async (t) => {
  const schema1 = { schemaVersion: 1, name: "app", tag: "v1", fsLayers: [], history: [] };
  const signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  const descriptor = blob("x").descriptor;
  const good = { schemaVersion: 2, config: descriptor, layers: [] };
  const oci = "application/vnd.oci.image.manifest.v1+json";
  const cases: [string, unknown, string, RegExp][] = [
    ["schema 1", schema1, "application/vnd.docker.distribution.manifest.v1+json", /schema 1/],
    ["signed schema 1", schema1, signed, /schema 1/],
    ["schema 1 that the header denies", schema1, oci, /schema 1/],
    [
      "an unknown type",
      { ...good, mediaType: "application/vnd.example.v9+json" },
      "application/vnd.example.v9+json",
      /application\/vnd\.example\.v9\+json/,
    ],
    [
      "a path for a digest",
      { ...good, config: { ...descriptor, digest: "../../x" } },
      oci,
      /digest/,
    ],
    ["a negative size", { ...good, config: { ...descriptor, size: -1 } }, oci, /size/],
    ["a size past counting", { ...good, config: { ...descriptor, size: 2 ** 60 } }, oci, /size/],
    ["layers and manifests both", { ...good, manifests: [] }, oci, /both/],
    ["no layers", { schemaVersion: 2, config: descriptor }, oci, /layers/],
  ];
  for (const [name, document, type, reason] of cases) {
    await t.step(name, async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
      const reference = registry.add("app", manifestOf(document, type), "v1");
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 1, result.stderr);
      assert.match(result.stderr, /^error: .*\[LDR_(?:BAD|UNSUPPORTED)_MANIFEST\]\nhint: /m);
      assert.match(result.stderr, reason);
      assertNoRubbish(user.registry);
    });
  }
});

faultTests("an answer that says no is told by its exit code", [
  {
    name: "a layer that is not there",
    on: LAYER_PATH,
    fault: status(404),
    code: 3,
    error: "LDR_NOT_FOUND",
  },
  {
    name: "401 without a challenge",
    on: MANIFEST,
    fault: status(401),
    code: 4,
    error: "LDR_UNAUTHORIZED",
  },
  {
    name: "401 with a challenge of no known kind",
    on: MANIFEST,
    fault: status(401, { "WWW-Authenticate": "Negotiate" }),
    code: 4,
    error: "LDR_UNAUTHORIZED",
  },
  { name: "403", on: MANIFEST, fault: status(403), code: 4, error: "LDR_FORBIDDEN" },
  { name: "403 for a layer", on: LAYER_PATH, fault: status(403), code: 4, error: "LDR_FORBIDDEN" },
  { name: "400", on: MANIFEST, fault: status(400), code: 1, error: "LDR_BAD_RESPONSE" },
  {
    name: "204 for a layer",
    on: LAYER_PATH,
    fault: status(204),
    code: 1,
    error: "LDR_BAD_RESPONSE",
  },
]);

faultTests("a server that is busy is tried again", [
  { name: "500, twice", on: MANIFEST, fault: status(500), times: 2, code: 0 },
  { name: "503, twice, for a layer", on: LAYER_PATH, fault: status(503), times: 2, code: 0 },
  { name: "408", on: MANIFEST, fault: status(408), times: 1, code: 0 },
  { name: "429", on: LAYER_PATH, fault: tooManyRequests(), times: 1, code: 0 },
  { name: "429 with Retry-After", on: MANIFEST, fault: tooManyRequests("1"), times: 1, code: 0 },
  {
    name: "429 with a date",
    on: MANIFEST,
    fault: tooManyRequests(new Date().toUTCString()),
    times: 1,
    code: 0,
  },
  {
    name: "503 with Retry-After",
    on: MANIFEST,
    fault: status(503, { "Retry-After": "0" }),
    times: 4,
    code: 0,
  },
  { name: "429 with nonsense", on: MANIFEST, fault: tooManyRequests("soon"), times: 1, code: 0 },
]);

faultTests("a server that stays busy is exit 6", [
  { name: "500", on: MANIFEST, fault: status(500), code: 6, error: "LDR_SERVER_ERROR" },
  {
    name: "503 for a layer",
    on: LAYER_PATH,
    fault: status(503, { "Retry-After": "0" }),
    code: 6,
    error: "LDR_SERVER_ERROR",
  },
  { name: "429", on: MANIFEST, fault: tooManyRequests("0"), code: 6, error: "LDR_RATE_LIMITED" },
  {
    name: "429 that asks for an hour",
    on: LAYER_PATH,
    fault: tooManyRequests("3600"),
    code: 6,
    error: "LDR_RATE_LIMITED",
  },
]);

faultTests("a redirect that leads nowhere is refused", [
  { name: "a loop", on: LAYER_PATH, fault: redirectLoop, code: 1, error: "LDR_REDIRECT" },
  {
    name: "a loop at the manifest",
    on: MANIFEST,
    fault: redirectLoop,
    code: 1,
    error: "LDR_REDIRECT",
  },
  {
    name: "a file of this machine",
    on: LAYER_PATH,
    fault: redirect("file:///etc", "/passwd"),
    code: 1,
    error: "LDR_REDIRECT",
  },
  {
    name: "no address at all",
    on: LAYER_PATH,
    fault: redirect("http://", "["),
    code: 1,
    error: "LDR_REDIRECT",
  },
]);

Deno.test("a server that stays busy is tried five times and no more", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  registry.fail("manifests", status(503, { "Retry-After": "0" }));
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 6, result.stderr);
  assert.equal(registry.requests("manifests").length, 5);
});

Deno.test("an answer that says no is asked for once", async (t) => {
  for (const code of [400, 403, 404, 501]) {
    await t.step(String(code), async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
      registry.fail(LAYER_PATH, status(code));
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assert.notEqual(result.code, 0);
      assert.equal(registry.requests(LAYER_PATH).length, 1);
    });
  }
});

Deno.test("wrong bytes are not asked for again and again", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  registry.fail(LAYER_PATH, wrongBytes);
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 5, result.stderr);
  assert.equal(registry.requests(LAYER_PATH).length, 1);
  assert.ok(result.stderr.includes(LAYER.descriptor.digest));
});

Deno.test("a fault of the new content leaves the old one as it was", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const old = image(["old"]);
  const reference = registry.add("app", old, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.add("app", APP, "v1");
  registry.fail(LAYER_PATH, wrongBytes);
  assert.equal((await user.larder(["pull", reference])).code, 5);
  assertStoreSound(user.registry);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.code, 0, offline.stderr);
  assert.equal(offline.stdout, `${reference}@${old.descriptor.digest}\n`);
});

Deno.test("--verbose tells the causes", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  registry.fail(MANIFEST, resetAfter(0));
  const result = await user.larder(["pull", "--verbose", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 6);
  assert.match(result.stderr, /^cause: /m);
});

Deno.test("a registry's error text comes through in one line", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const text = "quota \u001b[31mgone\nerror: forged [LDR_X]";
  const document = JSON.stringify({ errors: [{ code: "DENIED", message: text }] });
  registry.fail(
    MANIFEST,
    (answer) => ({ ...answer, status: 403, body: new TextEncoder().encode(document) }),
  );
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 4);
  assert.equal(result.stderr.trimEnd().split("\n").length, 2, result.stderr);
  assert.match(result.stderr, /DENIED: quota/);
  assert.ok(!result.stderr.includes("\u001b"));
});
