import assert from "node:assert/strict";
import { join } from "node:path";
import type { EntryType } from "../../src/snapshot/types.ts";
import {
  type Artifact,
  blob,
  image,
  index,
  multiPlatform,
  platformOf,
  wasmArtifact,
} from "../support/cache/artifacts.ts";
import { TestCache } from "../support/cache/test_cache.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { only, snapshotOf } from "../support/cache/snapshots.ts";

const REPOSITORY = "ghcr.io/acme/app";
const NAME = `${REPOSITORY}:v1`;
const SPIN_APP = await spinApp({ files: { "a.txt": "asset" } });
const ONE = image(["one layer", "shared"]);

const HELM_CHART = image(
  [blob("chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
  { config: blob("{}", "application/vnd.cncf.helm.config.v1+json") },
);
const WASI = platformOf("wasi/wasm");
const LINUX = platformOf("linux/amd64");
const NESTED = index([{ artifact: index([{ artifact: ONE, platform: LINUX }]) }]);

/** Entries and their types. */
const TYPES: [name: string, write: (cache: TestCache) => unknown, type: EntryType][] = [
  ["a container image", (cache) => cache.pulled(NAME, ONE), "image"],
  ["a Docker image", (cache) => cache.pulled(NAME, image(["x"], { docker: true })), "image"],
  ["a Wasm package", (cache) => cache.pulled(NAME, wasmArtifact()), "app"],
  ["a Spin app", (cache) => cache.pulled(NAME, SPIN_APP), "app"],
  ["a Spin app that Spin pulled", (cache) => cache.pulledBySpin(NAME, SPIN_APP), "app"],
  ["a container image that Spin pulled", (cache) => cache.pulledBySpin(NAME, ONE), "image"],
  ["a Helm chart", (cache) => cache.pulled(NAME, HELM_CHART), "app"],
  [
    "an index of container images",
    (cache) => cache.pulled(NAME, multiPlatform("linux/amd64")),
    "image",
  ],
  [
    "the digest of a Wasm package",
    (cache) => cache.pulledByDigest(REPOSITORY, wasmArtifact()),
    "app",
  ],
  ["the digest of a container image", (cache) => cache.pulledByDigest(REPOSITORY, ONE), "image"],
  ["the digest of an index", (cache) => cache.pulledByDigest(REPOSITORY, NESTED), "image"],
  ["the digest of an index of Wasm", (cache) => {
    cache.pulledByDigest(REPOSITORY, index([{ artifact: wasmArtifact(), platform: WASI }]));
  }, "app"],
  ["the digest of an index whose first platform is missing", (cache) => {
    const all = multiPlatform("linux/amd64", "linux/arm64");
    cache.pulledByDigest(REPOSITORY, all);
    loseDigest(cache, all.children[0]!);
  }, "image"],
  ["a tag without its own manifest", (cache) => {
    Deno.removeSync(join(cache.pulled(NAME, ONE), "manifest.json"));
  }, "image"],
  ["a tag without any manifest", (cache) => loseManifests(cache, undefined), "app"],
  ["a tag without any manifest, for wasi/wasm", (cache) => loseManifests(cache, WASI), "app"],
  ["a tag without any manifest, for linux/amd64", (cache) => loseManifests(cache, LINUX), "image"],
  ["a tag whose manifest is damaged, without a record", (cache) => {
    Deno.writeTextFileSync(join(cache.pulledBySpin(NAME, ONE), "manifest.json"), "<html>");
  }, "app"],
];

function loseDigest(cache: TestCache, { descriptor }: Artifact): void {
  Deno.removeSync(
    join(cache.registry, "manifests", REPOSITORY, descriptor.digest, "manifest.json"),
  );
}

/** Writes a container image without its manifests; only its record is left, which states the platform. */
function loseManifests(cache: TestCache, platform: object | undefined): void {
  const folder = cache.pulled(NAME, ONE);
  const record = JSON.parse(Deno.readTextFileSync(join(folder, "record.json")));
  Deno.writeTextFileSync(join(folder, "record.json"), JSON.stringify({ ...record, platform }));
  Deno.removeSync(join(folder, "manifest.json"));
  loseDigest(cache, ONE);
}

for (const [name, write, type] of TYPES) {
  Deno.test(`takeSnapshot gives ${name} the type ${type}`, async () => {
    using cache = new TestCache();
    write(cache);
    assert.equal(only(await snapshotOf(cache)).type, type);
  });
}
