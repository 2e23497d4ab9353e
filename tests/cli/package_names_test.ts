import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { lookUp, selectForRemoval } from "../../src/cli/entry_lookup.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import { Layout } from "../../src/store/layout.ts";
import { blob, image } from "../support/cache/artifacts.ts";
import {
  addPackagesAndBuilds,
  DEBIAN,
  KEYS,
  ROUTER,
} from "../support/cache/packages_and_builds.ts";
import { TestCache } from "../support/cache/test_cache.ts";

async function snapshotOf(cache: TestCache) {
  addPackagesAndBuilds(cache);
  cache.pulled("docker.io/library/bash:latest", image(["bash"]));
  return await takeSnapshot(new Layout(cache.registry), cache.now);
}

const HELLO = `${DEBIAN}/hello/2.10-3/amd64`;
const LIBC = `${DEBIAN}/libc6/2.41-12/amd64`;
const NODE = "https://registry.npmjs.org/@types/node/24.0.1/any";
const BUILD = `router-image@${KEYS.three}`;

/** What a user types, and the entry that it names for each command. */
const NAMED: readonly (readonly [typed: string, name: string])[] = [
  ["hello", HELLO],
  ["hello=2.10-3", HELLO],
  ["hello:amd64", HELLO],
  ["hello:amd64=2.10-3", HELLO],
  ["hello/2.10-3/amd64", HELLO],
  [HELLO, HELLO],
  ["libc6=2.41-12", LIBC],
  ["libc6/2.41-12/amd64", LIBC],
  ["@types/node", NODE],
  ["@types/node/24.0.1/any", NODE],
  ["https://files.example/tool.wasm", "url/https://files.example/tool.wasm/1.0/wasm"],
  // A reference takes precedence over a package of the same name.
  ["bash", "docker.io/library/bash:latest"],
  ["router-image", BUILD],
  [BUILD, BUILD],
  [KEYS.three, BUILD],
  [KEYS.three.slice(7, 19), BUILD],
  [KEYS.three.slice(0, 14), BUILD],
  [ROUTER.descriptor.digest, BUILD],
];

for (const [typed, name] of NAMED) {
  Deno.test(`${typed} names ${name}, to look at and to remove`, async () => {
    using cache = new TestCache();
    const snapshot = await snapshotOf(cache);
    const found = lookUp(snapshot, typed);
    assert.equal(found.kind === "entry" ? found.entry.name : found.digest, name);
    const selected = selectForRemoval(snapshot.entries, typed);
    assert.deepEqual(selected.map((entry) => entry.name), [name]);
  });
}

/** What several versions share, and a hint that selects all of them. */
const SHARED: readonly (readonly [typed: string, count: number])[] = [
  ["libc6", 2],
  ["libc6:amd64", 2],
  ["hello-image", 2],
];

for (const [typed, count] of SHARED) {
  Deno.test(`${typed} is ambiguous, and the hint has a glob for all of them`, async () => {
    using cache = new TestCache();
    const snapshot = await snapshotOf(cache);
    assert.throws(() => lookUp(snapshot, typed), (error) => hasCode(error, "LDR_USAGE"));
    assert.throws(() => selectForRemoval(snapshot.entries, typed), (error) => {
      if (!hasCode(error, "LDR_USAGE")) return false;
      const glob = /'([^']+)'/.exec(error.hint)![1]!;
      assert.equal(selectForRemoval(snapshot.entries, glob).length, count);
      return true;
    });
  });
}

Deno.test("the beginning of the name of a package is looked up, but nothing is removed by it", async () => {
  using cache = new TestCache();
  const snapshot = await snapshotOf(cache);
  const found = lookUp(snapshot, "libstdc");
  assert.equal(found.kind === "entry" && found.entry.name.includes("/libstdc++6/"), true);
  assert.deepEqual(selectForRemoval(snapshot.entries, "libstdc"), []);
});

Deno.test("a glob selects packages without their source", async () => {
  using cache = new TestCache();
  const snapshot = await snapshotOf(cache);
  const names = (glob: string) => selectForRemoval(snapshot.entries, glob).length;
  assert.deepEqual([names("libc6/*"), names("libc6/2.41-13/*"), names(`${DEBIAN}/*`)], [2, 1, 4]);
});

Deno.test("two builds with one result are named by their keys", async () => {
  using cache = new TestCache();
  const file = blob("the same", "application/octet-stream");
  cache.build("a", KEYS.one, file);
  cache.build("b", KEYS.two, file);
  const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
  const nameOf = (key: string) => selectForRemoval(snapshot.entries, key.slice(7, 19))[0]?.name;
  assert.deepEqual([nameOf(KEYS.one), nameOf(KEYS.two)], [`a@${KEYS.one}`, `b@${KEYS.two}`]);
});
