import assert from "node:assert/strict";
import { image, multiPlatform, wasmModule } from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

/** Pulls a Spin app and two tags that share a layer. */
async function pulled(registry: TestRegistry, user: TestUser): Promise<string[]> {
  const app = await spinApp({ files: { "index.html": "<h1>hi</h1>" }, module: wasmModule("one") });
  const references = [
    registry.add("acme/shop", image(["a layer that two have", "one"]), "v1"),
    registry.add("acme/shop", image(["a layer that two have", "two"]), "v2"),
    registry.add("acme/spin", app, "v1"),
    registry.add("acme/many", multiPlatform("linux/amd64", "linux/arm64"), "v1"),
  ];
  const result = await user.larder(["pull", "--platform", "linux/amd64", ...references]);
  assert.equal(result.code, 0, result.stderr);
  return references;
}

Deno.test("list sums, filters, sorts and formats pulled entries", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const references = await pulled(registry, user);
  const summary = await user.larder(["list"]);
  assert.equal(summary.code, 0, summary.stderr);
  assert.match(
    summary.stdout,
    /^There is 1 app using \S+ \w+ and 3 images using \S+ KiB of space\nTotal space used: \S+ KiB in \d+ blobs; .*\n$/,
  );
  const table = await user.larder(["list", "-v", "--sort", "name:desc"]);
  const names = table.stdout.split("\n\n")[0]!.split("\n").slice(1).map((line) =>
    line.split(" ")[0]
  );
  assert.deepEqual(names, references.toSorted().reverse());
  const filter =
    'type in ["app", "image"] && size > bytes("1B") && unused < duration("30d") && tag == "v1" && ' +
    'name.contains("/acme/s")';
  const format = "{{tag}} {{size.human()}} {{name}}";
  const filtered = await user.larder(["list", "--filter", filter, "--format", format]);
  assert.equal(filtered.code, 0, filtered.stderr);
  const lines = filtered.stdout.trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => line.split(" ").at(-1)), [references[2], references[0]]);
  for (const line of lines) assert.match(line, /^v1 [\d.]+ K?i?B /);
});

Deno.test("list --filter points at a syntax error", async () => {
  using user = new TestUser();
  const { code, stdout, stderr } = await user.larder(["list", "--filter", 'type = "app"']);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /^error: bad filter at column 6: .*\[LDR_USAGE\]\n {2}type = "app"\n {7}\^\nhint: /,
  );
});

Deno.test("info shows an entry by its name, a prefix of it or its digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const [shop, , spin, many] = await pulled(registry, user);
  const byName = await user.larder(["info", shop!]);
  assert.equal(byName.code, 0, byName.stderr);
  assert.match(byName.stdout, /^layer .*acme\/shop:v2$/m);
  const json = JSON.parse((await user.larder(["info", shop!, "--format", "json"])).stdout);
  const byDigest = await user.larder(["info", json.digest.slice(7, 27)]);
  assert.equal(byDigest.stdout, byName.stdout);
  const app = await user.larder(["info", spin!.slice(0, -3)]);
  assert.match(app.stdout, /\nSpin app app\n/);
  const index = JSON.parse((await user.larder(["info", many!, "--format", "json"])).stdout);
  assert.equal(index.platform, "linux/amd64");
  assert.deepEqual(
    index.index.platforms.map((
      each: { platform: string; isCached: boolean },
    ) => [each.platform, each.isCached]),
    [["linux/amd64", true], ["linux/arm64", false]],
  );
  const ambiguous = await user.larder(["info", shop!.slice(0, -1)]);
  assert.equal(ambiguous.code, 2);
  assert.match(
    ambiguous.stderr,
    /\n {2}image +\S+\/acme\/shop:v1\n {2}image +\S+\/acme\/shop:v2\nhint: /,
  );
});

Deno.test("df shows the used space as text and as a page", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await pulled(registry, user);
  const file = user.path("page.html");
  const { code, stdout, stderr } = await user.larder(["df", "--html", file]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^image +3 +\S+ KiB +\S+ K?i?B +0 B$/m);
  assert.match(stdout, /^Free space on the disk: \S+ \w+ of \S+ \w+ \(\d+%\)$/m);
  assert.match(stdout, new RegExp(`^${registry.host}/acme/shop +\\S+ KiB +█+`, "m"));
  assert.ok(Deno.readTextFileSync(file).includes("acme/shop:v2"));
});

Deno.test("config set takes effect, and config show names the source of each value", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const init = await user.larder(["config", "init"]);
  assert.equal(init.code, 0, init.stderr);
  const file = init.stdout.trim();
  const cache = user.path("elsewhere");
  const sets = [["cache_dir", cache], ["freshness.policy", "missing"], ["gc.min_free", "5%"]];
  for (const [key, value] of sets) {
    const { code, stderr } = await user.larder(["config", "set", key!, value!]);
    assert.equal(code, 0, stderr);
  }
  assert.ok(Deno.readTextFileSync(file).includes("# max_size: 20GB"), "the comments are lost");
  const reference = registry.add("app", image(["one"]), "v1");
  await user.larder(["pull", reference]);
  assert.ok(Deno.statSync(`${cache}/registry/manifests`).isDirectory);
  registry.clearLog();
  await user.larder(["pull", reference]);
  assert.deepEqual(registry.requests(), [], "policy missing makes no request for a cached entry");
  const env = { LARDER_FRESHNESS_POLICY: "always" };
  const shown = await user.larder(["config", "show"], { env });
  assert.match(shown.stdout, /^freshness\.policy +always +LARDER_FRESHNESS_POLICY$/m);
  assert.match(shown.stdout, new RegExp(`^gc\\.min_free +5% +${file}:\\d+:\\d+$`, "m"));
  await user.larder(["pull", reference], { env });
  assert.equal(registry.requests().length, 1, "the variable overrides the file");
});

Deno.test("a mistyped key in the config exits with 2, its position and a suggestion", async () => {
  using user = new TestUser();
  const path = user.write(
    ".config/larder/config.yaml",
    "storage:\n  image_cache:\n    max_cont: 5\n",
  );
  const { code, stdout, stderr } = await user.larder(["list"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.equal(
    stderr,
    `error: bad config at ${path}:3:5: unknown key "storage.image_cache.max_cont" [LDR_CONFIG]\n` +
      "hint: did you mean storage.image_cache.max_count?\n",
  );
});
