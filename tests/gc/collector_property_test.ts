import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { applyPlan } from "../../src/gc/sweep/apply.ts";
import type { GcPolicy } from "../../src/gc/policy.ts";
import { asDigest } from "../../src/oci/digest.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import { Layout } from "../../src/store/layout.ts";
import { Lease } from "../../src/store/locks/leases.ts";
import {
  type Artifact,
  blob,
  image,
  index,
  MEDIA_TYPES,
  platformOf,
  randomBytes,
  wasmModule,
} from "../support/cache/artifacts.ts";
import {
  DAY,
  type EntryOptions,
  HOUR,
  relativePathOf,
  TestCache,
} from "../support/cache/test_cache.ts";
import { clearPlan, gcPlan } from "../support/cache/plans.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { allocatedBelow, filesBelow } from "../support/cache/store_check.ts";

const layer = (name: string, size: number) => blob(randomBytes(size, name));
const [A, B, C, D] = [layer("a", 100), layer("b", 300), layer("c", 1000), layer("d", 5000)];
const module = blob(wasmModule("shared"), MEDIA_TYPES.spinWasm);

const AMD = image([A!, B!]);
const ARM = image([B!, C!], { platform: platformOf("linux/arm64") });
const INDEX = index([
  { artifact: AMD, platform: platformOf("linux/amd64") },
  { artifact: ARM, platform: platformOf("linux/arm64") },
]);

/** Artifacts, and the files that their archives contain. */
const ARTIFACTS: readonly { readonly artifact: Artifact; readonly packed: readonly string[] }[] = [
  { artifact: AMD, packed: [] },
  { artifact: image([C!, D!, module]), packed: [] },
  { artifact: INDEX, packed: [] },
  { artifact: index([{ artifact: INDEX }, { artifact: image([D!]) }]), packed: [] },
  {
    artifact: await spinApp({ archived: { "a.txt": "one", "b.txt": "two" }, module: module.bytes }),
    packed: ["one", "two"],
  },
  {
    artifact: await spinApp({ files: { "c.txt": "three" }, archived: { "a.txt": "one" } }),
    packed: ["one"],
  },
];

/** One event in the life of a cache. */
interface CacheEvent {
  readonly kind:
    | "tag"
    | "digest"
    | "spin"
    | "content"
    | "compiled"
    | "package"
    | "build"
    | "damage";
  readonly repository: string;
  readonly tag: string;
  readonly artifact: number;
  readonly used: number;
  readonly written: number;
  readonly pinned: boolean;
  readonly leased: boolean;
}

const anAge = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }).map((days) => days * DAY) },
  fc.integer({ min: 0, max: 119 }).map((minutes) => minutes * 60_000),
);
const oneIn = (times: number) => fc.nat({ max: times - 1 }).map((n) => n === 0);
const anEvent: fc.Arbitrary<CacheEvent> = fc.record({
  kind: fc.constantFrom(
    ...["tag", "tag", "tag", "digest", "spin", "content", "compiled", "package", "build", "damage"],
  ) as fc.Arbitrary<CacheEvent["kind"]>,
  repository: fc.constantFrom("ghcr.io/acme/app", "ghcr.io/acme/app/deep", "docker.io/library/x"),
  tag: fc.constantFrom("v1", "v2", "v3"),
  artifact: fc.nat({ max: ARTIFACTS.length - 1 }),
  used: anAge,
  written: anAge,
  pinned: oneIn(6),
  leased: oneIn(6),
});
const aPolicy = fc.record({
  maxSize: fc.nat({ max: 30_000 }),
  minFree: fc.nat({ max: 30_000 }).map((bytes) => ({ bytes })),
  maxCount: fc.nat({ max: 8 }),
  unused: fc.nat({ max: 60 }).map((days) => days * DAY),
  keepLast: fc.nat({ max: 2 }),
  registry: fc.record({ maxSize: fc.nat({ max: 20_000 }), maxCount: fc.nat({ max: 6 }) }, {
    requiredKeys: [],
  }),
  types: fc.record({
    image: fc.record({ maxSize: fc.nat({ max: 15_000 }), maxCount: fc.nat({ max: 5 }) }, {
      requiredKeys: [],
    }),
    compiled: fc.constant({ disabled: true }),
    package: fc.record({ unused: fc.constant(DAY) }),
  }, { requiredKeys: [] }),
}, { requiredKeys: [] });

/** The files that must exist as long as an entry does. */
interface Model {
  /** The file that makes the entry. */
  readonly root: string;
  readonly needs: readonly string[];
  readonly stays: boolean;
}

/** Returns the files of an artifact's content in a repository, of all platforms. */
function contentOf(repository: string, { artifact, packed }: typeof ARTIFACTS[number]): string[] {
  const { descriptor, blobs, children } = artifact;
  return [
    join("manifests", repository, descriptor.digest, "manifest.json"),
    ...blobs.map(relativePathOf).filter((path) =>
      !blobs.some((b, i) => i > 0 && isLockedApp(b) && relativePathOf(b) === path)
    ),
    ...packed.map((text) => relativePathOf(blob(text))),
    ...children.flatMap((child) => contentOf(repository, { artifact: child, packed: [] })),
  ];
}

function isLockedApp({ descriptor }: typeof A & object): boolean {
  return descriptor.mediaType === MEDIA_TYPES.spinApplication;
}

/** A cache after some events, and what must hold for it. */
class RandomCache extends TestCache {
  readonly layout = new Layout(this.registry);
  readonly lease = new Lease(this.layout, "a test");
  readonly models = new Map<string, Model>();
  readonly leasedFiles = new Set<string>();

  async apply(event: CacheEvent): Promise<void> {
    const one = ARTIFACTS[event.artifact]!;
    const { repository, used } = event;
    // No content is younger than its last use.
    const writing: EntryOptions = { ...event, written: Math.max(event.written, used) };
    switch (event.kind) {
      case "tag": {
        const folder = this.pulled(`${repository}:${event.tag}`, one.artifact, writing);
        this.#packed(one.packed, writing);
        return await this.#note(folder, "record.json", contentOf(repository, one), event);
      }
      case "digest": {
        const folder = this.pulledByDigest(repository, one.artifact, writing);
        this.#packed(one.packed, writing);
        return await this.#note(folder, "record.json", contentOf(repository, one), event);
      }
      case "spin": {
        if (one.artifact.children.length > 0) return;
        const folder = this.pulledBySpin(`${repository}:${event.tag}`, one.artifact, writing);
        this.#packed(one.packed, writing);
        const layers = one.artifact.blobs.slice(1).filter((b) => !isLockedApp(b));
        const needs = [...layers, ...one.packed.map((text) => blob(text))].map(relativePathOf);
        return await this.#note(folder, "manifest.json", needs, event);
      }
      case "content":
        this.content(join("manifests", repository), one.artifact, writing.written);
        if (event.leased) await this.#leaseContent(one);
        return;
      case "compiled": {
        const component = one.artifact.blobs[0]?.descriptor.digest ?? A!.descriptor.digest;
        const folder = this.compiled(component, event.tag, [B!, module], writing);
        return await this.#note(folder, "record.json", [B!, module].map(relativePathOf), event);
      }
      case "package": {
        const folder = this.package(`deb/x/${event.tag}/amd64`, C!, writing);
        return await this.#note(folder, "record.json", [relativePathOf(C!)], event);
      }
      case "build": {
        const folder = this.build("edge", one.artifact.descriptor.digest, D!, writing);
        return await this.#note(folder, "record.json", [relativePathOf(D!)], event);
      }
      case "damage":
        return this.#damage(event);
    }
  }

  #packed(texts: readonly string[], { written }: EntryOptions): void {
    this.blobs(texts.map((text) => blob(text)), written);
  }

  async #note(
    folder: string,
    root: string,
    needs: readonly string[],
    { used, pinned, leased }: CacheEvent,
  ): Promise<void> {
    if (leased) await this.lease.add({ folders: [folder] });
    // A pin and a lease remain when the tag is pulled again.
    const stays = pinned || leased || used < HOUR || this.#isHeld(folder);
    this.models.set(folder, { root: join(folder, root), needs, stays });
  }

  #isHeld(folder: string): boolean {
    return filesBelow(folder).some((path) => path.endsWith("pin.json")) ||
      filesBelow(this.layout.leases).some((path) =>
        Deno.readTextFileSync(path).includes(`"${folder.slice(this.registry.length + 1)}"`)
      );
  }

  async #leaseContent({ artifact }: typeof ARTIFACTS[number]): Promise<void> {
    await this.lease.add({ digests: [asDigest(artifact.descriptor.digest)!] });
    for (const { descriptor } of artifact.blobs) {
      const path = join("data", descriptor.digest);
      if (this.#has(path)) this.leasedFiles.add(path);
    }
  }

  /** Deletes the manifest of a tag. If larder wrote it, the record still names what the tag needs. */
  #damage({ repository, tag }: CacheEvent): void {
    const folder = join(this.registry, "manifests", repository, tag);
    const model = this.models.get(folder);
    if (!model) return;
    const path = join(folder, "manifest.json");
    if (this.#has(path.slice(this.registry.length + 1))) Deno.removeSync(path);
    if (model.root === path) this.models.delete(folder);
  }

  #has(path: string): boolean {
    try {
      return Deno.statSync(join(this.registry, path)).isFile;
    } catch {
      return false;
    }
  }

  /** Asserts what must hold after any collection. */
  assertIntact(young: readonly string[]): void {
    for (const [folder, { root, needs, stays }] of this.models) {
      const isThere = this.#has(root.slice(this.registry.length + 1));
      if (stays) assert.ok(isThere, `${folder} should have been kept`);
      const missing = isThere ? needs.filter((path) => !this.#has(path)) : [];
      assert.deepEqual(missing, [], `${folder} lost what it needs`);
    }
    for (const path of this.leasedFiles) assert.ok(this.#has(path), `${path} was in use`);
    assert.deepEqual(young.filter((path) => !this.#has(path)), [], "young blobs are gone");
    assert.ok(this.#has("data/notes.txt"));
  }

  /** Returns the blobs that were written within the last hour. */
  young(): string[] {
    return ["data", "wasm"].flatMap((tree) => filesBelow(join(this.registry, tree)))
      .filter((path) => this.now - Deno.statSync(path).mtime!.getTime() < HOUR)
      .map((path) => path.slice(this.registry.length + 1));
  }

  /** Sets the mtime of the trees as if each blob had arrived when it was written. */
  settle(): void {
    for (const tree of ["data", "wasm"]) {
      const folder = join(this.registry, tree);
      const times = filesBelow(folder).map((path) => Deno.statSync(path).mtime!.getTime());
      if (times.length > 0) this.age(folder, this.now - Math.max(...times));
    }
  }

  override [Symbol.dispose](): void {
    this.lease.release();
    super[Symbol.dispose]();
  }
}

/** Returns what a cache takes on the disk, without the journal and the lists of archives, which a sweep writes. */
function allocatedInTrees(registry: string): number {
  return [...Deno.readDirSync(registry)]
    .filter(({ name, isDirectory }) => isDirectory && name !== "archives")
    .reduce((sum, { name }) => sum + allocatedBelow(join(registry, name)), 0);
}

async function check(
  events: readonly CacheEvent[],
  policy: GcPolicy,
  isSettled: boolean,
): Promise<void> {
  using cache = new RandomCache();
  cache.write("data/notes.txt", "mine", 400 * DAY);
  for (const event of events) await cache.apply(event);
  if (isSettled) cache.settle();
  const young = cache.young();
  const disk = { size: 100_000, free: 10_000 };
  const before = cache.size();
  const allocated = allocatedInTrees(cache.registry);
  const plan = await gcPlan(cache.layout, cache.now, policy, disk);
  assert.equal(cache.size(), before, "planning changes nothing");
  const result = await applyPlan(cache.layout, plan, { now: () => cache.now, by: "a test" });
  assert.deepEqual(result.skipped, []);
  assert.equal(result.freed, plan.bytes);
  assert.equal(before - cache.size(), plan.bytes);
  cache.assertIntact(young);
  const again = { ...disk, free: disk.free + allocated - allocatedInTrees(cache.registry) };
  assert.equal((await gcPlan(cache.layout, cache.now, policy, again)).bytes, 0);
}

Deno.test("gc removes nothing referenced, in use or young, and frees what it planned, for any cache and policy", async () => {
  const cache = fc.array(anEvent, { maxLength: 12 });
  await fc.assert(fc.asyncProperty(cache, aPolicy, fc.boolean(), check), { numRuns: 150 });
});

const OLD_DOWNLOAD = `partial/${blob("half").descriptor.digest}`;

/**
 * Checks that a record of a newer larder keeps its entry and all content.
 * @param which selects the entry
 * @param isPlannedBefore true if the plans are older than the record
 */
async function checkNewerRecord(
  events: readonly CacheEvent[],
  policy: GcPolicy,
  which: number,
  isPlannedBefore: boolean,
): Promise<void> {
  using cache = new RandomCache();
  for (const event of events) await cache.apply(event);
  cache.write(OLD_DOWNLOAD, "half", 8 * DAY);
  const roots = [...cache.models.values()].map(({ root }) => root).filter(isRecord);
  const record = roots[which % roots.length];
  if (record === undefined) return;
  const makePlans = async () => [
    await gcPlan(cache.layout, cache.now, policy),
    await clearPlan(cache.layout, cache.now, { everything: true, includePinned: true }),
  ];
  const before = isPlannedBefore ? await makePlans() : undefined;
  const { mtime } = Deno.statSync(record);
  Deno.writeTextFileSync(record, JSON.stringify({ schemaVersion: 2, needs: "more" }));
  Deno.utimeSync(record, mtime!, mtime!);
  const { contents } = await takeSnapshot(cache.layout, cache.now);
  const kept = [
    ...contents.flatMap(({ tree, path }) =>
      tree === "manifests"
        ? filesBelow(path).filter((file) => /(?:manifest|config)\.json$/.test(file))
        : path
    ),
    ...filesBelow(dirname(record)),
  ];
  for (const plan of before ?? await makePlans()) {
    await applyPlan(cache.layout, plan, { now: () => cache.now, by: "a test" });
    const files = new Set(filesBelow(cache.registry));
    assert.deepEqual(kept.filter((path) => !files.has(path)), []);
    assert.ok(!files.has(join(cache.registry, OLD_DOWNLOAD)), "the rest is collected");
  }
}

function isRecord(path: string): boolean {
  return path.endsWith("record.json");
}

Deno.test("gc and clean keep the entry with a record of a newer larder and all content, and collect the rest", async () => {
  const cache = fc.array(anEvent, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(cache, aPolicy, fc.nat({ max: 7 }), fc.boolean(), checkNewerRecord),
    { numRuns: 60 },
  );
});
