import assert from "node:assert/strict";
import { image } from "../support/cache/artifacts.ts";
import { filesBelow } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

Deno.test("pull exits with 2 and names the invalid part of a reference", async (t) => {
  const zeros = "0".repeat(64);
  const cases: [string, RegExp][] = [
    ["", /empty/],
    ["UPPER/app", /repository.*upper-case/],
    ["localhost:5000/../secret", /repository.*"\.\."/],
    ["localhost:5000/app/../../etc/passwd", /repository.*"\.\."/],
    ["localhost:5000/app/..", /repository.*"\.\."/],
    ["localhost:5000//app", /repository.*empty component/],
    ["localhost:5000/app/", /repository.*empty component/],
    ["localhost:5000", /repository is missing/],
    ["localhost:99999/app", /port "99999"/],
    ["bad-.example.com/app", /registry "bad-\.example\.com"/],
    ["app:", /nothing follows the colon/],
    ["app:..", /tag "\.\."/],
    ["app:a b", /white space/],
    ["app@sha256:123", /digest "sha256:123"/],
    [`app@md5:${zeros}`, /algorithm "md5"/],
    [`app@sha256:${"A".repeat(64)}`, /lower-case/],
    ["https://ghcr.io/owner/app", /"https:\/\/".*no scheme/],
    ["oras://ghcr.io/owner/app", /"oras:\/\/".*no scheme/],
    ["docker://", /name is missing/],
    ["oci://UPPER/app", /repository.*upper-case/],
  ];
  for (const [reference, reason] of cases) {
    await t.step(JSON.stringify(reference), async () => {
      using user = new TestUser();
      const result = await user.larder(["pull", reference]);
      assert.equal(result.code, 2, result.stderr);
      assert.equal(result.stdout, "");
      assert.match(result.stderr, /^error: .*\[LDR_BAD_REFERENCE\]\nhint: /m);
      assert.match(result.stderr, reason);
      assert.deepEqual(filesBelow(user.cache), []);
    });
  }
});

Deno.test("pull reports an invalid reference before it fetches any other", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const good = registry.add("app", image(["one"]), "v1");
  const result = await user.larder(["pull", good, "BAD/app"]);
  assert.equal(result.code, 2, result.stderr);
  assert.deepEqual(registry.requests(), []);
});

Deno.test("pull handles several references in order and prints a line for each", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const [a, b] = [image(["one"]), image(["two"])];
  const references = [registry.add("team/b", b, "v1"), registry.add("team/a", a)];
  const result = await user.larder(["pull", ...references]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(
    result.stdout,
    `${references[0]}@${b.descriptor.digest}\n${references[1]}\n`,
  );
});

Deno.test("pull defaults to the tag latest and accepts localhost as a registry", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const { descriptor } = image(["one"]);
  registry.add("deep/er/app", image(["one"]), "latest");
  const name = registry.host.replace("127.0.0.1", "localhost") + "/deep/er/app";
  const result = await user.larder(["pull", name]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${name}:latest@${descriptor.digest}\n`);
});

Deno.test("pull exits with 3 if the registry does not have the reference", async (t) => {
  const digest = `sha256:${"0".repeat(64)}`;
  for (const rest of ["app:nope", "nope:v1", `app@${digest}`]) {
    await t.step(rest, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      registry.add("app", image(["one"]), "v1");
      const result = await user.larder(["pull", `${registry.host}/${rest}`]);
      assert.equal(result.code, 3, result.stderr);
      assert.match(result.stderr, /^error: .*\[LDR_NOT_FOUND\]\nhint: /m);
      assert.match(result.stderr, new RegExp(rest));
      assert.deepEqual(filesBelow(`${user.registry}/manifests`), []);
    });
  }
});

Deno.test("pull exits with 2 on wrong usage", async (t) => {
  const cases = [
    ["pull"],
    ["pull", "app", "--policy", "sometimes"],
    ["pull", "app", "--stale-if-error", "soon"],
    ["pull", "app", "--platform", "linus"],
    ["pull", "app", "--platform", "linux/amd64", "--all-platforms"],
    ["pull", "app", "--offline", "--policy", "always"],
    ["pull", "app", "--transfers", "0"],
    ["pull", "app", "--format", "xml"],
    ["pull", "app", "--no-such-option"],
  ];
  for (const args of cases) {
    await t.step(args.join(" "), async () => {
      using user = new TestUser();
      const result = await user.larder(args);
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, /^error: .*\[LDR_USAGE\]\nhint: /m);
      assert.deepEqual(filesBelow(user.home), []);
    });
  }
});
