import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, multiPlatform } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { status, tooManyRequests, withHeader, withoutHeader } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

/** Returns the requests to the repository as `METHOD PATH`. */
function lines(registry: TestRegistry): string[] {
  return registry.requests("/v2/app/").map(({ line }) => line);
}

/** Pulls `app:v1` and clears the registry's log. */
async function pulled(registry: TestRegistry, user: TestUser) {
  const first = image(["one", "two"]);
  const reference = registry.add("app", first, "v1");
  const { code, stderr } = await user.larder(["pull", reference]);
  assert.equal(code, 0, stderr);
  registry.clearLog();
  return { first, reference };
}

Deno.test("pull makes one HEAD request for an unchanged tag", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const { first, reference } = await pulled(registry, user);
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(registry.requests().map(({ line }) => line), ["HEAD /v2/app/manifests/v1"]);
  assert.match(result.stderr, /Use image from cache/);
  assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
});

Deno.test("pull makes one HEAD request for an unchanged tag of an index", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", multiPlatform("linux/amd64", "linux/arm64"), "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.clearLog();
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.deepEqual(lines(registry), ["HEAD /v2/app/manifests/v1"]);
});

Deno.test("pull fetches only the missing blobs of a moved tag", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const { reference } = await pulled(registry, user);
  const [shared, changed] = [blob("one"), blob("three")];
  const second = image([shared, changed]);
  registry.add("app", second, "v1");

  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${reference}@${second.descriptor.digest}\n`);
  assert.equal(registry.downloads(shared).length, 0);
  assert.equal(registry.downloads(changed).length, 1);
  assert.match(result.stderr, /fetched 1 layer .*reused 1 layer/);
  assert.doesNotMatch(result.stderr, /Use image from cache/);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("pull fetches no blob for a tag that moves back to cached content", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { first, reference } = await pulled(registry, user);
  registry.add("app", image(["one", "three"]), "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.clearLog();
  registry.add("app", first, "v1");
  const result = await user.larder(["pull", reference]);
  assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
  assert.deepEqual(registry.requests("/blobs/"), []);
  assert.match(
    result.stderr,
    /^Use image from cache: \S+ has moved to \w{12}, nothing was fetched, 2 layers/m,
  );
  const why = await user.larder(["why", reference]);
  assert.match(why.stdout, /the tag had moved from \w{12}, nothing was fetched/);
  const json = JSON.parse((await user.larder(["why", reference, "--format", "json"])).stdout);
  const { kind, because, bytes } = json.history.at(-1);
  assert.deepEqual([kind, because, bytes], ["changed", "moved", undefined]);
  const stats = JSON.parse((await user.larder(["stats", "--format", "json"])).stdout);
  assert.deepEqual([stats.hits, stats.causes], [0, { new: 1, moved: 2 }]);
  assertStoreSound(user.registry);
});

Deno.test("pull takes a name for new whose content is all cached", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { first, reference } = await pulled(registry, user);
  for (const other of [registry.add("app", first, "v2"), registry.add("app", first)]) {
    const args = ["pull", "--format", "json", other];
    const { stdout, stderr } = await user.larder(args);
    const [result] = JSON.parse(stdout);
    assert.deepEqual([result.freshness, result.cause, result.bytesFetched], ["changed", "new", 0]);
    assert.match(stderr, /^Use image from cache: \S+ is new, nothing was fetched, 2 layers/m);
    const [again] = JSON.parse((await user.larder(args)).stdout);
    assert.equal(again.cause, null);
  }
  assert.deepEqual(registry.requests("/blobs/"), []);
  registry.add("app", image(["one"]), "v1");
  await user.larder(["pull", reference]);
  registry.add("app", first, "v1");
  const [moved] = JSON.parse((await user.larder(["update", "--all", "--format", "json"])).stdout);
  assert.deepEqual([moved.freshness, moved.cause, moved.bytesFetched], ["changed", "moved", 0]);
});

Deno.test("pull makes no request for a cached digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const byDigest = registry.add("app", image(["one"]));
  const first = await user.larder(["pull", byDigest]);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, `${byDigest}\n`);
  registry.clearLog();
  const result = await user.larder(["pull", byDigest]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${byDigest}\n`);
  assert.match(result.stderr, /Use image from cache/);
  assert.deepEqual(registry.requests(), []);
});

Deno.test("pull makes no request for a digest that was pulled by tag", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { first } = await pulled(registry, user);
  const result = await user.larder(["pull", registry.add("app", first)]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(registry.requests(), []);
  assertStoreSound(user.registry);
});

Deno.test("pull resolves a reference with tag and digest by its digest and prints both", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const old = image(["old"]);
  registry.add("app", old);
  registry.add("app", image(["new"]), "v1");
  const { digest } = old.descriptor;
  const result = await user.larder(["pull", `${registry.host}/app:v1@${digest}`]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${registry.host}/app:v1@${digest}\n`);
  assert.equal(registry.requests("manifests/v1").length, 0);
});

Deno.test("pull makes a GET request if HEAD returns no digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { reference } = await pulled(registry, user);
  registry.fail("manifests/v1", withoutHeader("Docker-Content-Digest"));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(lines(registry), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
  assert.match(result.stderr, /Use image from cache/);
});

Deno.test("pull makes a GET request if HEAD is not allowed", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { reference } = await pulled(registry, user);
  registry.fail(/^HEAD .*manifests/, status(405));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(lines(registry), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
});

Deno.test("pull stores no wrong content if HEAD returns a wrong digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { first, reference } = await pulled(registry, user);
  const wrong = `sha256:${"0".repeat(64)}`;
  registry.fail(/^HEAD .*manifests/, withHeader("Docker-Content-Digest", wrong));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
  assertStoreSound(user.registry);
});

Deno.test("pull exits with 3 for a deleted tag that is cached", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { reference } = await pulled(registry, user);
  registry.fail("manifests/v1", status(404));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 3, result.stderr);
  assert.equal(result.stdout, "");
});

Deno.test("pull uses cached content without a request on --policy missing and --offline", async (t) => {
  for (const option of ["--policy=missing", "--policy=never", "--offline"]) {
    await t.step(option, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const { first, reference } = await pulled(registry, user);
      registry.add("app", image(["newer"]), "v1");
      const result = await user.larder(["pull", option, reference]);
      assert.equal(result.code, 0, result.stderr);
      assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
      assert.match(result.stderr, /Use image from cache/);
      assert.deepEqual(registry.requests(), []);
    });
  }
});

Deno.test("--offline is accepted before the command", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const { reference } = await pulled(registry, user);
  const result = await user.larder(["--offline", "pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(registry.requests(), []);
});

Deno.test("pull --policy missing fetches an entry that is not cached", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const reference = registry.add("app", image(["one"]), "v1");
  const result = await user.larder(["pull", "--policy", "missing", reference]);
  assert.equal(result.code, 0, result.stderr);
});

Deno.test("pull --policy missing fetches the missing part of an entry", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { reference } = await pulled(registry, user);
  Deno.removeSync(join(user.registry, "data", blob("one").descriptor.digest));
  const result = await user.larder(["pull", "--policy", "missing", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(registry.downloads(blob("one")).length, 1);
  assertStoreSound(user.registry);
});

Deno.test("pull --offline exits with 3 without a request if the entry is not complete", async (t) => {
  const cases: [string, (user: TestUser) => void, string][] = [
    [
      "an empty cache",
      (user) => Deno.removeSync(user.registry, { recursive: true }),
      "is not in the cache",
    ],
    [
      "a missing layer",
      (user) => Deno.removeSync(join(user.registry, "data", blob("one").descriptor.digest)),
      "is not complete in the cache",
    ],
    [
      "a damaged record",
      (user) => {
        const record = filesBelow(user.registry).find((path) => path.endsWith("record.json"))!;
        Deno.writeTextFileSync(record, "{");
      },
      "is not complete in the cache",
    ],
  ];
  for (const [name, spoil, what] of cases) {
    for (const option of ["--offline", "--policy=never"]) {
      await t.step(`${option}, ${name}`, async () => {
        await using registry = await TestRegistry.start();
        using user = new QuickUser();
        const { reference } = await pulled(registry, user);
        spoil(user);
        const result = await user.larder(["pull", option, reference]);
        assert.equal(result.code, 3, result.stderr);
        assert.equal(result.stdout, "");
        assert.match(result.stderr, /^error: .*\[LDR_NOT_CACHED\]\nhint: .*pull.*$/m);
        assert.ok(result.stderr.includes(`${reference} ${what}, `), result.stderr);
        assert.deepEqual(registry.requests(), []);
      });
    }
  }
});

Deno.test("pull exits with 6 and mentions the cached copy if the registry fails", async (t) => {
  const cases = [
    ["503", "LDR_SERVER_ERROR", status(503)],
    [
      "429 with a Retry-After beyond the limit",
      "LDR_RATE_LIMITED",
      tooManyRequests("3600"),
    ],
  ] as const;
  for (const [name, code, fault] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const { first, reference } = await pulled(registry, user);
      registry.fail("manifests/v1", fault);
      const failed = await user.larder(["pull", reference]);
      assertMentionsCopy(failed, code);
      const stale = await user.larder(["pull", "--stale-if-error", "1h", reference]);
      assert.equal(stale.code, 0, stale.stderr);
      assert.equal(stale.stdout, `${reference}@${first.descriptor.digest}\n`);
      assert.match(stale.stderr, /Use image from cache/);
    });
  }
});

Deno.test("pull exits with 6 and mentions the cached copy if the registry is unreachable", async () => {
  using user = new QuickUser();
  let reference: string;
  {
    await using registry = await TestRegistry.start();
    ({ reference } = await pulled(registry, user));
  }
  assertMentionsCopy(await user.larder(["pull", reference]), "LDR_UNREACHABLE");

  const tooOld = await user.larder(["pull", "--stale-if-error", "0", reference]);
  assert.equal(tooOld.code, 6, tooOld.stderr);

  user.write(".config/larder/config.yaml", "freshness:\n  stale_if_error: 1d\n");
  const stale = await user.larder(["pull", reference]);
  assert.equal(stale.code, 0, stale.stderr);
  assert.match(stale.stderr, /Use image from cache/);
});

function assertMentionsCopy(
  result: { code: number; stdout: string; stderr: string },
  code: string,
) {
  assert.equal(result.code, 6, result.stderr);
  assert.equal(result.stdout, "");
  assert.match(
    result.stderr,
    new RegExp(`^error: .*cached copy .*\\d+[smh] ago.*\\[${code}\\]$`, "m"),
  );
  assert.match(result.stderr, /^hint: .*--stale-if-error/m);
}

Deno.test("pull mentions no cached copy if the registry is unreachable and nothing is cached", async () => {
  using user = new TestUser();
  await using registry = await TestRegistry.start();
  const reference = registry.reference("app");
  await registry[Symbol.asyncDispose]();
  const result = await user.larder(["pull", "--stale-if-error", "1d", reference]);
  assert.equal(result.code, 6, result.stderr);
  assert.match(result.stderr, /\[LDR_UNREACHABLE\]/);
  assert.doesNotMatch(result.stderr, /cached copy/);
});

Deno.test("pull --policy overrides the config's policy", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const { reference } = await pulled(registry, user);
  user.write(".config/larder/config.yaml", "freshness:\n  policy: missing\n");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.equal(registry.requests().length, 0);
  assert.equal((await user.larder(["pull", "--policy", "always", reference])).code, 0);
  assert.equal(registry.requests().length, 1);
});
