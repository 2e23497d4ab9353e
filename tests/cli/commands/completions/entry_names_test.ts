import assert from "node:assert/strict";
import { join } from "node:path";
import { entryNames } from "../../../../src/cli/commands/completions/entry_names.ts";
import { takeSnapshot } from "../../../../src/snapshot/snapshot.ts";
import { displayName } from "../../../../src/store/entry_names.ts";
import { Layout } from "../../../../src/store/layout.ts";
import { blob, digestOf, image, multiPlatform, utf8 } from "../../../support/cache/artifacts.ts";
import { TestCache } from "../../../support/cache/test_cache.ts";
import { larder } from "../../../support/cli/in_process.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

const COMPONENT = digestOf(utf8("component"));
const SPECIFICATION = digestOf(utf8("specification"));

function fill(cache: TestCache): void {
  cache.pulled("ghcr.io/acme/shop:v1", image(["shop"]));
  cache.pulled("ghcr.io/acme/shop/cart:v1", image(["cart"]));
  cache.pulled("docker.io/library/nginx:latest", multiPlatform("linux/amd64", "linux/arm64"));
  cache.pulled("docker.io/acme/app:v2", image(["app"]));
  cache.pulledBySpin("localhost:5000/spin/app:v1", image(["spin"]));
  cache.pulledByDigest("quay.io/x/y", image(["by digest"]));
  cache.package("deb.example/hello/1.0/amd64", blob("package"));
  cache.build("edge", SPECIFICATION, blob("build"));
  cache.compiled(COMPONENT, "engine-1", [blob("code")]);
}

Deno.test("entryNames lists the entries of a snapshot, those of Docker Hub and packages also by their short names", async () => {
  using cache = new TestCache();
  fill(cache);
  const layout = new Layout(cache.registry);
  const { entries } = await takeSnapshot(layout, cache.now);
  const names = entries.map(({ name }) => displayName(name));
  assert.deepEqual(
    entryNames(layout),
    [
      ...names,
      ...["nginx:latest", "acme/app:v2", "hello/1.0/amd64"],
    ].sort(),
  );
  assert.equal(entries.length, 9);
});

Deno.test("entryNames has the tag of an entry that was pulled by tag and digest, and builds of an earlier version", async () => {
  using cache = new TestCache();
  const artifact = image(["by digest"]);
  const { digest } = artifact.descriptor;
  cache.pulledByDigest("quay.io/x/y", artifact);
  const path = `manifests/quay.io/x/y/${digest}/record.json`;
  const record = JSON.parse(Deno.readTextFileSync(join(cache.registry, path)));
  cache.write(path, JSON.stringify({ ...record, reference: `quay.io/x/y:v1@${digest}` }));
  cache.build("edge", SPECIFICATION, blob("build"));
  Deno.renameSync(join(cache.registry, "builds"), join(cache.registry, "images"));
  cache.write(`builds/${COMPONENT}/record.json`, "{oops");
  const layout = new Layout(cache.registry);
  const build = displayName(`edge@${SPECIFICATION}`);
  assert.deepEqual(entryNames(layout), [build, `quay.io/x/y:v1@${digest}`]);
  const { entries } = await takeSnapshot(layout, cache.now);
  const whole = entries.filter(({ problem }) => problem === undefined);
  assert.deepEqual(whole.map(({ name }) => displayName(name)).sort(), entryNames(layout));
});

Deno.test("entryNames leaves out names that a line cannot hold", () => {
  using cache = new TestCache();
  const part = (text: string) => encodeURIComponent(text);
  for (const name of ["two\nlines", "esc\x1b[2J", "a b", "$(touch pwned)"]) {
    cache.write(join("packages", "url", part(name), "1", "any", "record.json"), "{}");
  }
  assert.deepEqual(entryNames(new Layout(cache.registry)), [
    "$(touch pwned)/1/any",
    "a b/1/any",
    "url/$(touch pwned)/1/any",
    "url/a b/1/any",
  ]);
});

Deno.test("larder __complete prints the names of entries and nothing else", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/shop:v1", image(["shop"]));
  const result = await larder(cache.path, "--cache-dir", cache.path, "__complete");
  assert.deepEqual(result, { code: 0, stdout: "ghcr.io/acme/shop:v1\n", stderr: "" });
});

Deno.test("larder __complete prints nothing without a cache, and with a broken config or cache", async () => {
  using home = new TemporaryFolder();
  const nothing = { code: 0, stdout: "", stderr: "" };
  assert.deepEqual(await larder(home.path, "__complete"), nothing);
  const long = `/${"x".repeat(300)}`;
  assert.deepEqual(await larder(home.path, "__complete", "--cache-dir", long), nothing);
  Deno.mkdirSync(join(home.path, ".config/larder"), { recursive: true });
  Deno.writeTextFileSync(join(home.path, ".config/larder/config.yaml"), "unknown: key");
  assert.deepEqual(await larder(home.path, "__complete"), nothing);
});
