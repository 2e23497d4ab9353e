import type { Content, FileState } from "../../../src/snapshot/file_state.ts";
import assert from "node:assert/strict";
import { planGc, planGcAhead } from "../../../src/gc/collector.ts";
import { lookAhead } from "../../../src/snapshot/parallel/stat_files.ts";
import type { Plan } from "../../../src/gc/plan.ts";
import type { GcPolicy } from "../../../src/gc/policy.ts";
import { survey } from "../../../src/snapshot/snapshot.ts";
import type { Survey } from "../../../src/snapshot/types.ts";
import { Layout } from "../../../src/store/layout.ts";
import { blob, image, randomBytes } from "../../support/cache/artifacts.ts";
import { CacheFolder, DAY, relativePathOf } from "../../support/cache/cache_folder.ts";
import { withBrokenThreads } from "../../support/wasm/threads.ts";

const LAYERS = Array.from({ length: 8 }, (_, i) => blob(randomBytes(100 + i, `layer ${i}`)));
const NOTHING: GcPolicy = { maxSize: 0 };

/** Four apps of two layers each, the first used last. */
function filled(): CacheFolder {
  const cache = new CacheFolder();
  for (let i = 0; i < 4; i++) {
    const artifact = image(LAYERS.slice(2 * i, 2 * i + 2));
    cache.pulled(`ghcr.io/acme/app${i}:v1`, artifact, { used: (i + 2) * DAY, written: 30 * DAY });
  }
  return cache;
}

async function surveyOf(cache: CacheFolder): Promise<Survey> {
  return await survey(new Layout(cache.registry), cache.now);
}

function states(contents: readonly Content[]): FileState[] {
  // In this order: who asks for the size may be told what a manifest says.
  return contents.map(({ mtime, size }) => ({ size, mtime }));
}

Deno.test("what is looked at ahead is what is there", async () => {
  using cache = filled();
  const { contents } = await surveyOf(cache);
  const lazily = states((await surveyOf(cache)).contents);
  await lookAhead(contents, 1);
  Deno.removeSync(cache.registry, { recursive: true });
  assert.deepEqual(states(contents), lazily);
});

Deno.test("content that is gone meanwhile takes no space", async () => {
  using cache = filled();
  const { contents } = await surveyOf(cache);
  Deno.removeSync(cache.registry, { recursive: true });
  await lookAhead(contents, 1);
  assert.deepEqual(new Set(contents.map(({ size }) => size)), new Set([0]));
});

Deno.test("what a broken thread does not look at is looked at when it is asked about", async () => {
  using cache = filled();
  const { contents } = await surveyOf(cache);
  await withBrokenThreads(() => lookAhead(contents, 1));
  assert.deepEqual(states(contents), states((await surveyOf(cache)).contents));
});

Deno.test("a few files are left to who asks about them", async () => {
  using cache = filled();
  const { contents } = await surveyOf(cache);
  await lookAhead(contents);
  Deno.removeSync(cache.registry, { recursive: true });
  assert.ok(contents.every(({ mtime }) => mtime === 0));
});

/** What both ways of planning say, of the same cache. */
async function plans(cache: CacheFolder, policy: GcPolicy, change = () => {}): Promise<Plan[]> {
  const [one, other] = [await surveyOf(cache), await surveyOf(cache)];
  change();
  return [planGc(one, policy, undefined), await planGcAhead(other, policy, undefined)];
}

Deno.test("young content stays, and more goes for it, whether it was looked at ahead or not", async () => {
  using cache = filled();
  const young = relativePathOf(LAYERS[7]!);
  cache.age(`${cache.registry}/${young}`, 60_000);
  const half = Math.floor(cache.size() / 2);
  const [plan, ahead] = await plans(cache, { maxSize: half });
  assert.deepEqual(ahead, plan);
  assert.ok(!ahead!.remove.contents.some(({ path }) => path === young));
  cache.age(`${cache.registry}/${young}`, 30 * DAY);
  const [old] = await plans(cache, { maxSize: half });
  assert.notDeepEqual(old!.remove.contents, ahead!.remove.contents);
});

Deno.test("content that is no more as its manifest says counts as it is, looked at ahead or not", async () => {
  using cache = filled();
  const path = `${cache.registry}/${relativePathOf(LAYERS[7]!)}`;
  for (const change of [() => Deno.truncateSync(path, 3), () => Deno.removeSync(path)]) {
    const [plan, ahead] = await plans(cache, NOTHING, change);
    assert.deepEqual(ahead, plan);
    assert.equal(ahead!.remove.entries.length, 4);
  }
});

Deno.test("of a cache that nothing came to for a while, blobs are not looked at one by one", async () => {
  using cache = filled();
  cache.age(`${cache.registry}/data`, 30 * DAY);
  const size = cache.size();
  const forget = () => Deno.removeSync(`${cache.registry}/data`, { recursive: true });
  const [plan, ahead] = await plans(cache, NOTHING, forget);
  assert.deepEqual([plan!.bytes, ahead!.bytes], [size, size]);
});

Deno.test("what nobody needs is looked at wherever it is: Spin may be writing it", async () => {
  using cache = filled();
  const [written, finished] = [blob("Spin is writing this"), blob("Spin has written this")];
  cache.blobs([written], 60_000);
  cache.blobs([finished], 30 * DAY);
  cache.age(`${cache.registry}/data`, 30 * DAY);
  const { remove } = planGc(await surveyOf(cache), NOTHING, undefined);
  const paths = remove.contents.map(({ path }) => path);
  assert.ok(paths.includes(relativePathOf(finished)));
  assert.ok(!paths.includes(relativePathOf(written)));
});

Deno.test("what came lately is looked at, and so is what came at a time that is yet to be", async () => {
  for (const arrival of [60_000, -DAY]) {
    using cache = filled();
    const young = relativePathOf(LAYERS[7]!);
    cache.age(`${cache.registry}/${young}`, 60_000);
    cache.age(`${cache.registry}/data`, arrival);
    const { remove } = planGc(await surveyOf(cache), NOTHING, undefined);
    assert.ok(!remove.contents.some(({ path }) => path === young));
  }
});
