import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { type ImageManifest, parseManifest } from "../../src/oci/manifest.ts";
import { parsePlatform } from "../../src/oci/platform.ts";
import { parseReference, type Reference } from "../../src/oci/reference.ts";
import { type CachedTag, checkTags, TAG_CHECKS, type TagState } from "../../src/pull/outdated.ts";
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
import { PullBench } from "../support/cache/pull_bench.ts";
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

function tagOf(bench: PullBench, reference: Reference = bench.reference()): CachedTag {
  const record = readEntryRecord(new ManifestStore(bench.layout).folder(reference));
  return { reference, record, image: undefined };
}

async function check(bench: PullBench, ...tags: CachedTag[]): Promise<TagState[]> {
  const deps = { layout: bench.layout, client: bench.client };
  return await checkTags(deps, tags.length > 0 ? tags : [tagOf(bench)]);
}

/** Starts a registry with a tag that is cached. */
async function pulled(artifact: Artifact = OLD, options = {}): Promise<PullBench> {
  const bench = await PullBench.start();
  bench.registry.add("app", artifact, "v1");
  await bench.pull(options);
  bench.registry.clearLog();
  return bench;
}

const methods = (bench: PullBench) =>
  bench.registry.requests().map(({ method, path }) =>
    `${method} ${path.replace(/sha256:.*/, "…")}`
  );

Deno.test("checkTags finds an unmoved tag current by one HEAD request", async () => {
  await using bench = await pulled();
  assert.deepEqual(await check(bench), [{ state: "current" }]);
  assert.deepEqual(methods(bench), ["HEAD /v2/app/manifests/v1"]);
});

Deno.test("checkTags finds a moved tag behind, with the missing bytes, and fetches no blob", async () => {
  await using bench = await pulled();
  const files = filesBelow(bench.layout.root);
  bench.registry.add("app", NEW, "v1");
  const expected = {
    state: "behind",
    digest: NEW.descriptor.digest,
    created: "2026-01-02T03:04:05Z",
    bytes: NEW.blobs[0]!.bytes.length + NEXT.bytes.length,
    problem: undefined,
  };
  assert.deepEqual(await check(bench), [expected]);
  assert.deepEqual(methods(bench), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
  assert.deepEqual(filesBelow(bench.layout.root), files);
});

Deno.test("checkTags fetches the manifest if the registry gives no digest", async () => {
  await using bench = await pulled();
  bench.registry.fail("HEAD", withoutHeader("Docker-Content-Digest"));
  assert.deepEqual(await check(bench), [{ state: "current" }]);
  assert.deepEqual(methods(bench), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
});

Deno.test("checkTags finds a removed tag gone", async () => {
  await using bench = await pulled();
  bench.registry.fail("/manifests/v1", status(404));
  assert.deepEqual(await check(bench), [{ state: "gone" }]);
});

Deno.test("checkTags counts only the platforms of an index that the entry has", async (t) => {
  const one = { platform: parsePlatform("linux/arm/v7") };
  const cases: [string, object, number][] = [
    ["one platform", one, 1],
    ["all platforms", { allPlatforms: true }, 2],
  ];
  for (const [name, options, images] of cases) {
    await t.step(name, async () => {
      await using bench = await pulled(multiPlatform("linux/arm/v7", "wasi/wasm"), options);
      const next = ["linux/arm/v7", "wasi/wasm"].map((name) => {
        const platform = platformOf(name);
        return { artifact: image([`the next ${name}`], { platform }), platform };
      });
      bench.registry.add("app", index(next), "v1");
      const [state] = await check(bench);
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
      await using bench = await pulled(OLD, { foreign });
      const next = image([BASE, base, "new"]);
      bench.registry.add("app", next, "v1");
      const [state] = await check(bench);
      assert.ok(state?.state === "behind");
      const blobs = next.blobs.filter((each) => each !== BASE && (foreign || each !== base));
      assert.equal(state.bytes, blobs.reduce((sum, { bytes }) => sum + bytes.length, 0));
    });
  }
});

Deno.test("checkTags finds a moved tag behind with the reason that a pull would fail", async (t) => {
  const lost = multiPlatform("linux/arm/v7");
  const cases: [string, (bench: PullBench) => void, string][] = [
    ["without the platform", (bench) => {
      bench.registry.add("app", multiPlatform("plan9/mips"), "v1");
    }, "LDR_NO_PLATFORM"],
    ["with a platform whose manifest is missing", (bench) => {
      bench.registry.add(
        "app",
        index([{ artifact: image(["x"]), platform: platformOf("linux/arm/v7") }]),
        "v1",
      );
      bench.registry.fail(/GET .*sha256/, status(404));
    }, "LDR_NOT_FOUND"],
  ];
  for (const [name, move, code] of cases) {
    await t.step(name, async () => {
      await using bench = await pulled(lost, { platform: parsePlatform("linux/arm/v7") });
      move(bench);
      const [state] = await check(bench);
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
      await using bench = await pulled();
      bench.registry.fail(
        "/manifests/",
        (answer, request) => fault({ ...answer, headers: {} }, request),
      );
      const [state] = await check(bench);
      assert.ok(state?.state === "unknown", JSON.stringify(state));
      assert.equal(state.error.code, code);
    });
  }
});

Deno.test("checkTags stops asking a registry that does not answer and asks the others", async () => {
  await using bench = await PullBench.start();
  await using other = await pulled();
  const away = Array.from({ length: 40 }, (_, i) => ({
    reference: parseReference(`127.0.0.1:1/team/app:v${i}`),
    record: tagOf(other).record,
    image: undefined,
  }));
  const states = await check(bench, ...away, tagOf(other));
  assert.deepEqual(states.at(-1), { state: "current" });
  const messages = states.slice(0, -1).map((state) =>
    state.state === "unknown" && state.error.message
  );
  const unasked = messages.filter((message) => message && message.startsWith("not asked"));
  assert.ok(unasked.length >= 30, `${unasked.length}`);
  assert.ok(states.slice(0, -1).every(({ state }) => state === "unknown"));
});

Deno.test("checkTags asks one registry about several tags in parallel, once each", async () => {
  await using bench = await PullBench.start();
  const tags = Array.from({ length: 30 }, (_, i) => `v${i}`);
  for (const tag of tags) {
    bench.registry.add("app", OLD, tag);
    await bench.pull({}, bench.registry.reference("app", tag));
  }
  bench.registry.clearLog();
  let waiting = 0;
  let most = 0;
  bench.registry.fail("HEAD", async (answer) => {
    most = Math.max(most, ++waiting);
    await new Promise((resolve) => setTimeout(resolve, 5));
    waiting--;
    return answer;
  });
  const states = await check(
    bench,
    ...tags.map((tag) => tagOf(bench, bench.reference("app", tag))),
  );
  assert.ok(states.every(({ state }) => state === "current"));
  assert.ok(most > 1 && most <= TAG_CHECKS, `${most} at once`);
  assert.equal(bench.registry.requests("HEAD").length, 30);
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
      await using bench = await PullBench.start();
      bench.registry.add("app", now, "v1");
      const tag = { reference: bench.reference(), record: undefined, image: spins };
      assert.equal((await check(bench, tag))[0]!.state, state);
    });
  }
});

Deno.test("checkTags ends when it is interrupted", async () => {
  await using bench = await pulled();
  const stop = new AbortController();
  const gate = new Gate();
  bench.registry.fail("HEAD", held(gate));
  const deps = { layout: bench.layout, client: bench.client };
  const checking = checkTags(deps, [tagOf(bench)], { signal: stop.signal });
  await gate.reachedBy(checking);
  stop.abort();
  await assert.rejects(checking, (error) => hasCode(error, "LDR_INTERRUPTED"));
  gate.open();
});
