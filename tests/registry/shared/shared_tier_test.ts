import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../../src/base/concurrency.ts";
import { LarderError } from "../../../src/base/errors.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { type Manifest, parseManifest } from "../../../src/oci/manifest.ts";
import { DOWN_TIME } from "../../../src/registry/http/host_health.ts";
import type { HttpResponse } from "../../../src/registry/http/transport.ts";
import type { NewObject, SharedObject } from "../../../src/registry/shared/shared_store.ts";
import { SharedTier } from "../../../src/registry/shared/shared_tier.ts";
import { type Artifact, blob, image } from "../../support/cache/artifacts.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { Gate } from "../../support/gate.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const BLOB = blob("content");
const APP = image([BLOB]);
const DESCRIPTOR = {
  mediaType: "application/octet-stream",
  digest: digestOf(BLOB.bytes),
  size: BLOB.bytes.length,
};
const MANIFEST = manifestOf(APP);
/** Ten minutes: longer than a test takes. */
const LONG = 600_000;
const NOT_FOUND = new LarderError("LDR_NOT_FOUND", "not there", { hint: "" });
const BROKEN = new LarderError("LDR_SERVER_ERROR", "it answered 500", { hint: "" });

/** A store in memory. */
class TestStore {
  readonly name = "s3://bucket";
  readonly maxObject = 1024 ** 3;
  readonly objects = new Map<string, Uint8Array>();
  readonly asked: string[] = [];
  failure: LarderError | undefined;
  gate: Gate | undefined;

  get(object: SharedObject): Promise<HttpResponse> {
    const bytes = this.#find("get", object);
    const body = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
    const url = "http://127.0.0.1/object";
    return Promise.resolve({ url, status: 200, headers: new Headers(), body });
  }

  has(object: SharedObject): Promise<boolean> {
    try {
      this.#find("has", object);
      return Promise.resolve(true);
    } catch (error) {
      if (error === NOT_FOUND) return Promise.resolve(false);
      throw error;
    }
  }

  async put(
    { kind, digest }: SharedObject,
    content: NewObject,
    { replaces }: { readonly replaces: boolean },
  ): Promise<void> {
    this.asked.push(`put ${kind}${replaces ? " that replaces" : ""}`);
    await this.gate?.pass();
    if (this.failure) throw this.failure;
    for await (const bytes of content.open()) this.objects.set(`${kind}/${digest}`, bytes);
  }

  #find(verb: string, { kind, digest }: SharedObject): Uint8Array {
    this.asked.push(`${verb} ${kind}`);
    if (this.failure) throw this.failure;
    const bytes = this.objects.get(`${kind}/${digest}`);
    if (!bytes) throw NOT_FOUND;
    return bytes;
  }
}

function manifestOf({ bytes }: Artifact): Manifest {
  return parseManifest(bytes, "a test");
}

function setUp(writes = true, clock: Clock = new FakeClock()) {
  const store = new TestStore();
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  return {
    store,
    clock,
    warnings,
    tier: new SharedTier({ store, signer: undefined, writes, clock, warn }),
  };
}

Deno.test("SharedTier does not ask a store that failed for a minute, and warns again only if it has answered", async () => {
  const { store, tier, clock, warnings } = setUp();
  store.failure = BROKEN;
  assert.equal(await tier.blob(DESCRIPTOR), undefined);
  assert.equal(await tier.manifest(MANIFEST.digest), undefined);
  assert.deepEqual(store.asked, ["get data"]);
  await clock.sleep(DOWN_TIME);
  await tier.blob(DESCRIPTOR);
  assert.deepEqual(store.asked, ["get data", "get data"]);
  assert.deepEqual(warnings, ["skipping the shared cache s3://bucket: it answered 500"]);
  await clock.sleep(DOWN_TIME);
  store.failure = undefined;
  store.objects.set(`data/${BLOB.descriptor.digest}`, BLOB.bytes);
  assert.ok(await tier.blob(DESCRIPTOR));
  store.failure = BROKEN;
  await tier.blob(DESCRIPTOR);
  assert.equal(warnings.length, 2);
});

Deno.test("SharedTier does not ask again for an object with other content, but for others", async () => {
  const { store, tier, warnings } = setUp();
  const { digest } = MANIFEST;
  store.objects.set(`manifests/${digest}`, new TextEncoder().encode("{}"));
  assert.equal(await tier.manifest(digest), undefined);
  assert.equal(await tier.manifest(digest), undefined);
  assert.equal(await tier.blob(DESCRIPTOR), undefined);
  assert.deepEqual(store.asked, ["get manifests", "get data"]);
  assert.equal(warnings.length, 1);
});

Deno.test("SharedTier replaces an object with other content, and then believes it", async () => {
  const { store, tier } = setUp(true, systemClock);
  const { digest } = MANIFEST;
  store.objects.set(`manifests/${digest}`, new TextEncoder().encode("{}"));
  assert.equal(await tier.manifest(digest), undefined);
  tier.offer({ blobs: [], manifests: [MANIFEST] });
  await tier.finish(LONG, new AbortController().signal);
  assert.deepEqual(store.asked, ["get manifests", "put manifests that replaces"]);
  assert.equal((await tier.manifest(digest))?.digest, digest);
});

Deno.test("SharedTier lets a request that is made once fail, without consequences", async () => {
  const { store, tier, warnings } = setUp();
  store.failure = BROKEN;
  assert.equal(await failureOf(tier.blob(DESCRIPTOR, 0, { once: true })), BROKEN);
  store.failure = undefined;
  assert.equal(await tier.blob(DESCRIPTOR), undefined);
  assert.deepEqual([store.asked.length, warnings], [2, []]);
});

Deno.test("SharedTier reads and writes no record without a key", async () => {
  const { store, tier } = setUp();
  assert.equal(await tier.record("builds", "a"), undefined);
  tier.offer({ blobs: [], record: { kind: "builds", name: "a", value: 1 } });
  await tier.finish(1, new AbortController().signal);
  assert.deepEqual(store.asked, []);
});

Deno.test("SharedTier writes leaves before roots, each once, and skips files that are gone", async () => {
  using folder = new TemporaryFolder();
  const { store, tier } = setUp(true, systemClock);
  const path = `${folder.path}/blob`;
  Deno.writeFileSync(path, BLOB.bytes);
  const offer = {
    blobs: [
      { descriptor: DESCRIPTOR, path },
      { descriptor: { ...DESCRIPTOR, digest: MANIFEST.digest }, path: `${folder.path}/gone` },
    ],
    manifests: [MANIFEST],
  };
  tier.offer(offer);
  tier.offer(offer);
  const tally = await tier.finish(LONG, new AbortController().signal);
  const written = { written: 2, bytes: BLOB.bytes.length + APP.bytes.length, left: 0 };
  assert.deepEqual(tally, written);
  assert.deepEqual(store.asked.filter((each) => each.startsWith("put")), [
    "put data",
    "put manifests",
  ]);
});

Deno.test("SharedTier writes nothing that is larger than an object can be, and says so once", async () => {
  using folder = new TemporaryFolder();
  const { store, tier, warnings } = setUp(true, systemClock);
  const path = `${folder.path}/large`;
  Deno.writeFileSync(path, new Uint8Array());
  Deno.truncateSync(path, store.maxObject + 1);
  const large = { descriptor: DESCRIPTOR, path };
  tier.offer({ blobs: [large, large], manifests: [MANIFEST] });
  const tally = await tier.finish(LONG, new AbortController().signal);
  assert.deepEqual([tally?.written, tally?.left], [1, 0]);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^content of more than 1\.00 GiB, such as [0-9a-f]{12} \(1\.00 GiB\), is/,
  );
  assert.deepEqual(store.asked.filter((each) => each.startsWith("put")), ["put manifests"]);
});

Deno.test("SharedTier.finish does not wait longer than its limit, and says that something is left", async () => {
  const { store, tier } = setUp();
  store.gate = new Gate();
  tier.offer({ blobs: [], manifests: [MANIFEST] });
  tier.offer({ blobs: [], manifests: [manifestOf(image(["other"]))] });
  await store.gate.reached;
  const tally = await tier.finish(1, new AbortController().signal);
  assert.deepEqual(tally, { written: 0, bytes: 0, left: 2 });
  store.gate.open();
});

Deno.test("SharedTier stops writing to a store that fails, with one warning", async () => {
  const { store, tier, warnings } = setUp(true, systemClock);
  store.failure = BROKEN;
  for (const each of [APP, image(["other"])]) {
    tier.offer({ blobs: [], manifests: [manifestOf(each)] });
  }
  await tier.finish(LONG, new AbortController().signal);
  assert.deepEqual([store.asked, warnings.length], [["has manifests"], 1]);
});

Deno.test("SharedTier reads from a store that takes no writes, with one warning", async () => {
  const { store, tier, warnings } = setUp(true, systemClock);
  store.objects.set(`data/${BLOB.descriptor.digest}`, BLOB.bytes);
  store.failure = BROKEN;
  tier.offer({ blobs: [], manifests: [MANIFEST] });
  await tier.finish(LONG, new AbortController().signal);
  store.failure = undefined;
  assert.ok(await tier.blob(DESCRIPTOR));
  assert.deepEqual(warnings, ["writing nothing to the shared cache s3://bucket: it answered 500"]);
});

Deno.test("SharedTier writes nothing unless the user wants it", async () => {
  const { store, tier } = setUp(false);
  tier.offer({ blobs: [], manifests: [MANIFEST] });
  assert.equal(await tier.finish(1, new AbortController().signal), undefined);
  assert.deepEqual(store.asked, []);
});
