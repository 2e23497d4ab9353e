import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, multiPlatform } from "../support/cache/artifacts.ts";
import { User } from "../support/cli/cli.ts";
import { status, tooManyRequests, withHeader, withoutHeader } from "../support/registry/faults.ts";
import { FixtureRegistry } from "../support/registry/fixture_registry.ts";
import { assertNoRubbish, assertStoreSound } from "../support/cache/store_check.ts";

/** The requests for manifests and blobs, without their log's other details. */
function lines(registry: FixtureRegistry): string[] {
  return registry.requests("/v2/app/").map(({ line }) => line);
}

/** A user who has pulled `app:v1`, and a log that begins after that. */
async function pulled(registry: FixtureRegistry, user: User) {
  const first = image(["one", "two"]);
  const reference = registry.add("app", first, "v1");
  const { code, stderr } = await user.larder(["pull", reference]);
  assert.equal(code, 0, stderr);
  registry.clearLog();
  return { first, reference };
}

Deno.test("a tag that is unchanged costs one HEAD and fetches nothing", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { first, reference } = await pulled(registry, user);
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(registry.requests().map(({ line }) => line), ["HEAD /v2/app/manifests/v1"]);
  assert.match(result.stderr, /Use image from cache/);
  assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
});

Deno.test("a tag that names an index costs one HEAD as well", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const reference = registry.add("app", multiPlatform("linux/amd64", "linux/arm64"), "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.clearLog();
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.deepEqual(lines(registry), ["HEAD /v2/app/manifests/v1"]);
});

Deno.test("a tag that moved has only its missing blobs fetched", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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
  assertNoRubbish(user.registry);
});

Deno.test("a tag that moves back to what is cached fetches no blob", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { first, reference } = await pulled(registry, user);
  registry.add("app", image(["one", "three"]), "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.clearLog();
  registry.add("app", first, "v1");
  const result = await user.larder(["pull", reference]);
  assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
  assert.deepEqual(registry.requests("/blobs/"), []);
  assert.match(result.stderr, /Use image from cache/);
  assertStoreSound(user.registry);
});

Deno.test("a digest that is cached makes no request", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
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

Deno.test("a digest whose content came with a tag makes no request either", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { first } = await pulled(registry, user);
  const result = await user.larder(["pull", registry.add("app", first)]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(registry.requests(), []);
  assertStoreSound(user.registry);
});

Deno.test("with tag and digest the digest wins and the tag is shown", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const old = image(["old"]);
  registry.add("app", old);
  registry.add("app", image(["new"]), "v1");
  const { digest } = old.descriptor;
  const result = await user.larder(["pull", `${registry.host}/app:v1@${digest}`]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${registry.host}/app:v1@${digest}\n`);
  assert.equal(registry.requests("manifests/v1").length, 0);
});

Deno.test("a HEAD that tells no digest is followed by a GET", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { reference } = await pulled(registry, user);
  registry.fail("manifests/v1", withoutHeader("Docker-Content-Digest"));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(lines(registry), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
  assert.match(result.stderr, /Use image from cache/);
});

Deno.test("a HEAD that is not allowed is followed by a GET", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { reference } = await pulled(registry, user);
  registry.fail(/^HEAD .*manifests/, status(405));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(lines(registry), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
});

Deno.test("a HEAD that tells a wrong digest leads to no wrong content", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { first, reference } = await pulled(registry, user);
  const wrong = `sha256:${"0".repeat(64)}`;
  registry.fail(/^HEAD .*manifests/, withHeader("Docker-Content-Digest", wrong));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${reference}@${first.descriptor.digest}\n`);
  assertStoreSound(user.registry);
});

Deno.test("a tag that was deleted is not found, though it is cached", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { reference } = await pulled(registry, user);
  registry.fail("manifests/v1", status(404));
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 3, result.stderr);
  assert.equal(result.stdout, "");
});

Deno.test("--policy missing and --offline use what is cached without a request", async (t) => {
  for (const option of ["--policy=missing", "--policy=never", "--offline"]) {
    await t.step(option, async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
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

Deno.test("--offline may stand before the verb", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { reference } = await pulled(registry, user);
  const result = await user.larder(["--offline", "pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(registry.requests(), []);
});

Deno.test("--policy missing fetches what is not cached", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const reference = registry.add("app", image(["one"]), "v1");
  const result = await user.larder(["pull", "--policy", "missing", reference]);
  assert.equal(result.code, 0, result.stderr);
});

Deno.test("--policy missing fetches again what is cached in part", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { reference } = await pulled(registry, user);
  Deno.removeSync(join(user.registry, "data", blob("one").descriptor.digest));
  const result = await user.larder(["pull", "--policy", "missing", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(registry.downloads(blob("one")).length, 1);
  assertStoreSound(user.registry);
});

Deno.test("offline, what is not cached whole is exit 3 and makes no request", async (t) => {
  const cases: [string, (user: User) => void][] = [
    ["an empty cache", (user) => Deno.removeSync(user.registry, { recursive: true })],
    [
      "a missing layer",
      (user) => Deno.removeSync(join(user.registry, "data", blob("one").descriptor.digest)),
    ],
  ];
  for (const [name, spoil] of cases) {
    for (const option of ["--offline", "--policy=never"]) {
      await t.step(`${option}, ${name}`, async () => {
        await using registry = await FixtureRegistry.start();
        using user = new User();
        const { reference } = await pulled(registry, user);
        spoil(user);
        const result = await user.larder(["pull", option, reference]);
        assert.equal(result.code, 3, result.stderr);
        assert.equal(result.stdout, "");
        assert.match(result.stderr, /^error: .*\[LDR_NOT_CACHED\]\nhint: .*pull.*$/m);
        assert.deepEqual(registry.requests(), []);
      });
    }
  }
});

Deno.test("a registry that fails is exit 6 and tells of the cached copy", async (t) => {
  const cases = [
    ["503", "LDR_SERVER_ERROR", status(503)],
    [
      "429 that asks for more patience than larder has",
      "LDR_RATE_LIMITED",
      tooManyRequests("3600"),
    ],
  ] as const;
  for (const [name, code, fault] of cases) {
    await t.step(name, async () => {
      await using registry = await FixtureRegistry.start();
      using user = new User();
      const { first, reference } = await pulled(registry, user);
      registry.fail("manifests/v1", fault);
      const failed = await user.larder(["pull", reference]);
      assertTellsOfCopy(failed, code);
      const stale = await user.larder(["pull", "--stale-if-error", "1h", reference]);
      assert.equal(stale.code, 0, stale.stderr);
      assert.equal(stale.stdout, `${reference}@${first.descriptor.digest}\n`);
      assert.match(stale.stderr, /Use image from cache/);
    });
  }
});

Deno.test("a registry that is gone is exit 6 and tells of the cached copy", async () => {
  using user = new User();
  let reference: string;
  {
    await using registry = await FixtureRegistry.start();
    ({ reference } = await pulled(registry, user));
  }
  assertTellsOfCopy(await user.larder(["pull", reference]), "LDR_UNREACHABLE");

  const tooOld = await user.larder(["pull", "--stale-if-error", "0", reference]);
  assert.equal(tooOld.code, 6, tooOld.stderr);

  user.write(".config/larder/config.yaml", "freshness:\n  stale_if_error: 1d\n");
  const stale = await user.larder(["pull", reference]);
  assert.equal(stale.code, 0, stale.stderr);
  assert.match(stale.stderr, /Use image from cache/);
});

function assertTellsOfCopy(result: { code: number; stdout: string; stderr: string }, code: string) {
  assert.equal(result.code, 6, result.stderr);
  assert.equal(result.stdout, "");
  assert.match(
    result.stderr,
    new RegExp(`^error: .*cached copy .*\\d+[smh] ago.*\\[${code}\\]$`, "m"),
  );
  assert.match(result.stderr, /^hint: .*--stale-if-error/m);
}

Deno.test("a registry that is gone and nothing cached is exit 6 without a word of a copy", async () => {
  using user = new User();
  await using registry = await FixtureRegistry.start();
  const reference = registry.reference("app");
  await registry[Symbol.asyncDispose]();
  const result = await user.larder(["pull", "--stale-if-error", "1d", reference]);
  assert.equal(result.code, 6, result.stderr);
  assert.match(result.stderr, /\[LDR_UNREACHABLE\]/);
  assert.doesNotMatch(result.stderr, /cached copy/);
});

Deno.test("the config file's policy counts, and the option beats it", async () => {
  await using registry = await FixtureRegistry.start();
  using user = new User();
  const { reference } = await pulled(registry, user);
  user.write(".config/larder/config.yaml", "freshness:\n  policy: missing\n");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.equal(registry.requests().length, 0);
  assert.equal((await user.larder(["pull", "--policy", "always", reference])).code, 0);
  assert.equal(registry.requests().length, 1);
});
