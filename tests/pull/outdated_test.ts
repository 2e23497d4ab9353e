import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { type ImageManifest, parseManifest } from "../../src/oci/manifest.ts";
import { parsePlatform } from "../../src/oci/platform.ts";
import { parseReference, type Reference } from "../../src/oci/reference.ts";
import { checkTags, type KnownTag, TAG_CHECKS, type TagState } from "../../src/pull/outdated.ts";
import { ManifestStore, readEntryRecord } from "../../src/store/manifest_store.ts";
import {
  type Artifact,
  blob,
  image,
  index,
  MEDIA_TYPES,
  multiPlatform,
  platformOf,
  randomBytes,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { TestPuller } from "../support/cache/test_puller.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { filesBelow } from "../support/cache/store_check.ts";
import { Gate } from "../support/gate.ts";
import {
  type Fault,
  held,
  html,
  redirect,
  status,
  tooManyRequests,
  withoutHeader,
} from "../support/registry/faults.ts";

const BASE = blob(randomBytes(10_000, "base"));
const OLD = image([BASE, "old"]);
const NEXT = blob("the new layer");
const NEW = image([BASE, NEXT], {
  annotations: { "org.opencontainers.image.created": "2026-01-02T03:04:05Z" },
});

function tagOf(puller: TestPuller, reference: Reference = puller.reference()): KnownTag {
  const record = readEntryRecord(new ManifestStore(puller.layout).folder(reference));
  return { reference, record, image: undefined };
}

async function check(puller: TestPuller, ...tags: KnownTag[]): Promise<TagState[]> {
  const deps = { layout: puller.layout, client: puller.client };
  return await checkTags(deps, tags.length > 0 ? tags : [tagOf(puller)]);
}

/** Starts a registry with a tag that is cached. */
async function pulled(artifact: Artifact = OLD, options = {}): Promise<TestPuller> {
  const puller = await TestPuller.start();
  puller.registry.add("app", artifact, "v1");
  await puller.pull(options);
  puller.registry.clearLog();
  return puller;
}

const methods = (puller: TestPuller) =>
  puller.registry.requests().map(({ method, path }) =>
    `${method} ${path.replace(/sha256:.*/, "…")}`
  );

Deno.test("checkTags finds an unmoved tag current by one HEAD request", async () => {
  await using puller = await pulled();
  assert.deepEqual(await check(puller), [{ state: "current" }]);
  assert.deepEqual(methods(puller), ["HEAD /v2/app/manifests/v1"]);
});

Deno.test("checkTags finds a moved tag behind, with the missing bytes, and fetches no blob", async () => {
  await using puller = await pulled();
  const files = filesBelow(puller.layout.root);
  puller.registry.add("app", NEW, "v1");
  const expected = {
    state: "behind",
    digest: NEW.descriptor.digest,
    created: "2026-01-02T03:04:05Z",
    bytes: NEW.blobs[0]!.bytes.length + NEXT.bytes.length,
    problem: undefined,
  };
  assert.deepEqual(await check(puller), [expected]);
  assert.deepEqual(methods(puller), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
  assert.deepEqual(filesBelow(puller.layout.root), files);
});

Deno.test("checkTags fetches the manifest if the registry gives no digest", async () => {
  await using puller = await pulled();
  puller.registry.fail("HEAD", withoutHeader("Docker-Content-Digest"));
  assert.deepEqual(await check(puller), [{ state: "current" }]);
  assert.deepEqual(methods(puller), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
});

Deno.test("checkTags finds a removed tag gone", async () => {
  await using puller = await pulled();
  puller.registry.fail("/manifests/v1", status(404));
  assert.deepEqual(await check(puller), [{ state: "gone" }]);
});

Deno.test("checkTags counts only the platforms of an index that the entry has", async (t) => {
  const one = { platform: parsePlatform("linux/arm/v7") };
  const cases: [string, object, number][] = [
    ["one platform", one, 1],
    ["all platforms", { allPlatforms: true }, 2],
  ];
  for (const [name, options, images] of cases) {
    await t.step(name, async () => {
      await using puller = await pulled(multiPlatform("linux/arm/v7", "wasi/wasm"), options);
      const next = ["linux/arm/v7", "wasi/wasm"].map((name) => {
        const platform = platformOf(name);
        return { artifact: image([`the next ${name}`], { platform }), platform };
      });
      puller.registry.add("app", index(next), "v1");
      const [state] = await check(puller);
      assert.ok(state?.state === "behind");
      const blobs = next.slice(0, images).flatMap(({ artifact }) => artifact.blobs);
      assert.equal(state.bytes, blobs.reduce((sum, { bytes }) => sum + bytes.length, 0));
    });
  }
});

Deno.test("checkTags counts foreign layers if the entry has its own", async (t) => {
  const url = "https://layers.example/base";
  const base = blob("a base", MEDIA_TYPES.ociForeignLayer, { urls: [url] });
  for (const foreign of [false, true]) {
    await t.step(String(foreign), async () => {
      await using puller = await pulled(OLD, { foreign });
      const next = image([BASE, base, "new"]);
      puller.registry.add("app", next, "v1");
      const [state] = await check(puller);
      assert.ok(state?.state === "behind");
      const blobs = next.blobs.filter((each) => each !== BASE && (foreign || each !== base));
      assert.equal(state.bytes, blobs.reduce((sum, { bytes }) => sum + bytes.length, 0));
    });
  }
});

Deno.test("checkTags finds a moved tag behind with the reason that a pull would fail", async (t) => {
  const lost = multiPlatform("linux/arm/v7");
  const cases: [string, (puller: TestPuller) => void, string][] = [
    ["without the platform", (puller) => {
      puller.registry.add("app", multiPlatform("plan9/mips"), "v1");
    }, "LDR_NO_PLATFORM"],
    ["with a platform whose manifest is missing", (puller) => {
      puller.registry.add(
        "app",
        index([{ artifact: image(["x"]), platform: platformOf("linux/arm/v7") }]),
        "v1",
      );
      puller.registry.fail(/GET .*sha256/, status(404));
    }, "LDR_NOT_FOUND"],
  ];
  for (const [name, move, code] of cases) {
    await t.step(name, async () => {
      await using puller = await pulled(lost, { platform: parsePlatform("linux/arm/v7") });
      move(puller);
      const [state] = await check(puller);
      assert.ok(state?.state === "behind");
      assert.equal(state.bytes, undefined);
      assert.ok(hasCode(state.problem, code as "LDR_NOT_FOUND"));
    });
  }
});

Deno.test("checkTags finds a tag unknown, never current, after a failure", async (t) => {
  const cases: [string, Fault, string][] = [
    ["403", status(403), "LDR_FORBIDDEN"],
    ["429 for an hour", tooManyRequests("3600"), "LDR_RATE_LIMITED"],
    ["503", status(503, { "Retry-After": "0" }), "LDR_SERVER_ERROR"],
    ["400", status(400), "LDR_BAD_RESPONSE"],
    ["a web page", html, "LDR_BAD_MANIFEST"],
    ["a redirect to a file", redirect("file:///etc", "/passwd"), "LDR_REDIRECT"],
  ];
  for (const [name, fault, code] of cases) {
    await t.step(name, async () => {
      await using puller = await pulled();
      puller.registry.fail(
        "/manifests/",
        (answer, request) => fault({ ...answer, headers: {} }, request),
      );
      const [state] = await check(puller);
      assert.ok(state?.state === "unknown", JSON.stringify(state));
      assert.equal(state.error.code, code);
    });
  }
});

Deno.test("checkTags stops asking a registry that does not answer and asks the others", async () => {
  await using puller = await TestPuller.start();
  await using other = await pulled();
  const away = Array.from({ length: 40 }, (_, i) => ({
    reference: parseReference(`127.0.0.1:1/team/app:v${i}`),
    record: tagOf(other).record,
    image: undefined,
  }));
  const states = await check(puller, ...away, tagOf(other));
  assert.deepEqual(states.at(-1), { state: "current" });
  const messages = states.slice(0, -1).map((state) =>
    state.state === "unknown" && state.error.message
  );
  const unasked = messages.filter((message) => message && message.includes("was not asked for"));
  assert.ok(unasked.length >= 30, `${unasked.length}`);
  assert.ok(states.slice(0, -1).every(({ state }) => state === "unknown"));
});

/** Fault of a registry with 31 tags, and the requests and notes that it costs at most. */
const ILL: [string, Fault, number, number][] = [
  ["503", status(503), 8 + 8 + 4, 4],
  ["429", tooManyRequests(), 8 + 4, 4],
  ["429 for an hour", tooManyRequests("3600"), 8, 0],
];

for (const [name, fault, requests, notes] of ILL) {
  Deno.test(`checkTags sends ${requests} requests for 31 tags of a registry that answers ${name}`, async () => {
    await using puller = await pulled();
    puller.registry.clearLog();
    puller.registry.fail("/manifests/", fault);
    const { record } = tagOf(puller);
    const tags = Array.from({ length: 31 }, (_, i) => ({
      reference: puller.reference("app", `v${i}`),
      record,
      image: undefined,
    }));
    const states = await check(puller, ...tags);
    assert.ok(states.every(({ state }) => state === "unknown"));
    assert.ok(
      puller.registry.requests().length <= requests,
      `${puller.registry.requests().length}`,
    );
    assert.ok(puller.notes.length <= notes, puller.notes.join("\n"));
    for (const note of puller.notes) {
      assert.match(note, /\/app:v\d+: .* answered \d+; trying again/);
    }
  });
}

Deno.test("checkTags finds a tag current by GET if HEAD alone is denied", async (t) => {
  for (const code of [401, 403, 405, 500, 503]) {
    await t.step(String(code), async () => {
      await using puller = await pulled();
      puller.registry.clearLog();
      puller.registry.fail("HEAD", status(code));
      assert.deepEqual(await check(puller), [{ state: "current" }]);
      assert.deepEqual(puller.registry.requests().map(({ method }) => method), ["HEAD", "GET"]);
    });
  }
});

Deno.test("checkTags asks one registry about several tags in parallel, once each", async () => {
  await using puller = await TestPuller.start();
  const tags = Array.from({ length: 30 }, (_, i) => `v${i}`);
  for (const tag of tags) {
    puller.registry.add("app", OLD, tag);
    await puller.pull({}, puller.registry.reference("app", tag));
  }
  puller.registry.clearLog();
  let waiting = 0;
  let most = 0;
  puller.registry.fail("HEAD", async (answer) => {
    most = Math.max(most, ++waiting);
    await new Promise((resolve) => setTimeout(resolve, 5));
    waiting--;
    return answer;
  });
  const states = await check(
    puller,
    ...tags.map((tag) => tagOf(puller, puller.reference("app", tag))),
  );
  assert.ok(states.every(({ state }) => state === "current"));
  assert.ok(most > 1 && most <= TAG_CHECKS, `${most} at once`);
  assert.equal(puller.registry.requests("HEAD").length, 30);
});

Deno.test("checkTags finds Spin's entry current if its manifest has the same content", async (t) => {
  const app = await spinApp({ module: wasmModule("one") });
  const next = await spinApp({ module: wasmModule("two") });
  const spins = parseManifest(
    new TextEncoder().encode(
      JSON.stringify(JSON.parse(new TextDecoder().decode(app.bytes)), null, 1),
    ),
    "Spin's",
  ) as ImageManifest;
  for (const [name, now, state] of [["same", app, "current"], ["moved", next, "behind"]] as const) {
    await t.step(name, async () => {
      await using puller = await TestPuller.start();
      puller.registry.add("app", now, "v1");
      const tag = { reference: puller.reference(), record: undefined, image: spins };
      assert.equal((await check(puller, tag))[0]!.state, state);
    });
  }
});

Deno.test("checkTags ends when it is interrupted", async () => {
  await using puller = await pulled();
  const stop = new AbortController();
  const gate = new Gate();
  puller.registry.fail("HEAD", held(gate));
  const deps = { layout: puller.layout, client: puller.client };
  const checking = checkTags(deps, [tagOf(puller)], { signal: stop.signal });
  await gate.reachedBy(checking);
  stop.abort();
  await assert.rejects(checking, (error) => hasCode(error, "LDR_INTERRUPTED"));
  gate.open();
});
