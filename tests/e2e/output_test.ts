import assert from "node:assert/strict";
import { join } from "node:path";
import {
  blob,
  image,
  MEDIA_TYPES,
  multiPlatform,
  randomBytes,
  wasmArtifact,
} from "../support/cache/artifacts.ts";
import { onTerminal } from "../support/cli/on_terminal.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { heldAfter, status } from "../support/registry/faults.ts";
import { TokenServer } from "../support/registry/token_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

Deno.test("pull prints only REFERENCE@DIGEST on stdout and the rest on stderr", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifact = image(["one", "two"]);
  const reference = registry.add("team/app", artifact, "v1");
  const first = await user.larder(["pull", reference]);
  assert.equal(first.stdout, `${reference}@${artifact.descriptor.digest}\n`);
  assert.match(first.stderr, /fetched 2 layers \(6 B\), reused nothing/);
  assert.doesNotMatch(first.stderr, /from cache/);
  for (const { descriptor } of artifact.blobs) {
    assert.ok(first.stderr.includes(descriptor.digest.slice(7, 19)), "no line for a layer");
  }
  const second = await user.larder(["pull", reference]);
  assert.equal(second.stdout, first.stdout);
  assert.match(second.stderr, /^Use image from cache: /m);
});

Deno.test("pull names the kind of artifact that it uses from the cache", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const chart = image(
    [blob("chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    { config: blob("{}", "application/vnd.cncf.helm.config.v1+json") },
  );
  const kinds = { image: image(["one"]), app: wasmArtifact(), artifact: chart };
  for (const [kind, artifact] of Object.entries(kinds)) {
    const reference = registry.add(`team/${kind}`, artifact, "v1");
    await user.larder(["pull", reference]);
    const { stderr } = await user.larder(["pull", reference]);
    assert.match(stderr, new RegExp(`^Use ${kind} from cache: \\S+ is current`, "m"));
  }
});

Deno.test("pull names config and layers in its lines, and counts the config of an artifact without layers", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const empty = blob("{}", "application/vnd.oci.empty.v1+json");
  Object.assign(empty.descriptor, { data: btoa("{}") });
  const bare = registry.add("bare", image([], { config: empty }), "v1");
  const first = await user.larder(["pull", bare]);
  assert.match(first.stderr, /^config 44136fa355b3: reused \(2 B\)$/m);
  assert.match(
    first.stderr,
    /^Use artifact from cache: \S+ is new, nothing was fetched, 1 config \(2 B\)$/m,
  );
  const second = await user.larder(["pull", bare]);
  assert.match(second.stderr, /^Use artifact from cache: \S+ is current, 1 config \(2 B\)$/m);

  const config = blob('{"a":1}', "application/vnd.cncf.helm.config.v1+json");
  await user.larder(["pull", registry.add("chart", image(["one"], { config }), "v1")]);
  const moved = await user.larder([
    "pull",
    registry.add("chart", image(["two"], { config }), "v1"),
  ]);
  assert.match(moved.stderr, /^layer \w+: fetched \(3 B\)$/m);
  assert.match(moved.stderr, /fetched 1 layer \(3 B\), reused 1 config \(7 B\)$/m);
});

Deno.test("pull sends larder's User-Agent with every request", async () => {
  await using tokens = await TokenServer.start();
  await using registry = await TestRegistry.start();
  registry.guard = tokens.guard();
  using user = new TestUser();
  const result = await user.larder(["pull", registry.add("app", image(["one"]), "v1")]);
  assert.equal(result.code, 0, result.stderr);
  const agents = [...registry.requests(), ...tokens.requests()]
    .map(({ headers }) => headers.get("user-agent"));
  assert.ok(agents.length >= 5);
  for (const agent of agents) assert.match(agent ?? "", /^larder\/\d+\.\d+\.\d+\S* \(\w+; \w+\)$/);
});

Deno.test("pull writes no colours, bars or carriage returns to a pipe", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const result = await user.larder(["pull", registry.add("app", image(["one"]), "v1")]);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(result.stdout + result.stderr, /[\r\x1b]/);
});

Deno.test("pull shows bars on a terminal while it fetches and then clears them", async (t) => {
  const layer = blob(randomBytes(1024 * 1024));
  const bar = `${layer.descriptor.digest.slice(7, 19)} ${"█".repeat(5)}${"░".repeat(5)}  50%`;
  const cases: [args: string[], term: string][] = [
    [[], "xterm"],
    [["--no-progress"], "xterm"],
    [[], "dumb"],
  ];
  for (const [args, term] of cases) {
    const hasBars = args.length === 0 && term !== "dumb";
    await t.step(["pull", ...args, "on", term].join(" "), async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      const gate = new Gate();
      registry.fail(layer.descriptor.digest, heldAfter(layer.bytes.length / 2, gate));
      const artifact = image([layer, "small"]);
      const reference = registry.add("app", artifact, "v1");
      await using terminal = await onTerminal(user, ["pull", ...args, reference], term);
      await gate.reachedBy(terminal.result);
      if (hasBars) await terminal.said(`${bar} of 1.00 MiB`);
      gate.open();
      const { code, stderr } = await terminal.result;
      assert.equal(code, 0, stderr);
      assert.equal(stderr.includes(bar), hasBars, stderr);
      // deno-lint-ignore no-control-regex
      if (!hasBars) assert.doesNotMatch(stderr, /\x1b|\r(?!\n)/);
      const left = stderr.split("\x1b[J").at(-1)!;
      assert.match(left, /fetched 2 layers/);
      assert.ok(left.endsWith(`\n${reference}@${artifact.descriptor.digest}\r\n`), left);
      assert.doesNotMatch(left, /[█░]/);
    });
  }
});

Deno.test("pull --quiet prints only the data", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifact = image(["one"]);
  const reference = registry.add("app", artifact, "v1");
  for (const args of [["pull", "--quiet", reference], ["-q", "pull", reference]]) {
    const result = await user.larder(args);
    assert.equal(result.stdout, `${reference}@${artifact.descriptor.digest}\n`);
    assert.equal(result.stderr, "");
  }
  registry.fail("manifests", status(404));
  const failed = await user.larder(["pull", "--quiet", reference]);
  assert.match(failed.stderr, /^error: .*\nhint: .*\n$/);
});

Deno.test("pull --format json prints every field of the result", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const foreign = blob("foreign", MEDIA_TYPES.ociForeignLayer);
  const shared = blob("shared");
  const artifact = image([shared, "own", foreign]);
  await user.larder(["pull", registry.add("other", image([shared]), "v1")]);
  const reference = registry.add("app", artifact, "v1");
  const { code, stdout, stderr } = await user.larder(["pull", "--format", "json", reference]);
  assert.equal(code, 0, stderr);
  const [result, ...others] = JSON.parse(stdout);
  assert.deepEqual(others, []);
  assert.equal(result.reference, reference);
  assert.equal(result.digest, artifact.descriptor.digest);
  assert.equal(result.mediaType, MEDIA_TYPES.ociManifest);
  assert.equal(result.manifestDigest, artifact.descriptor.digest);
  assert.equal(result.freshness, "fetched");
  assert.equal(result.folder, join(user.registry, "manifests", registry.host, "app", "v1"));
  assert.ok(Date.now() - Date.parse(result.checkedAt) < 3_600_000);
  const outcomes = result.parts.map((
    part: { kind: string; digest: string; outcome: string },
  ) => [part.kind, part.digest, part.outcome]);
  const digests = artifact.blobs.map(({ descriptor }) => descriptor.digest);
  assert.deepEqual(outcomes, [
    ["config", digests[0], "fetched"],
    ["layer", digests[1], "reused"],
    ["layer", digests[2], "fetched"],
    ["layer", digests[3], "skipped"],
  ]);
  const sizes = artifact.blobs.map(({ descriptor }) => descriptor.size);
  assert.equal(result.bytesFetched, sizes[0]! + sizes[2]!);
  assert.equal(result.bytesReused, sizes[1]);
});

Deno.test("pull --format json names the selected platform and an unchanged result", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifact = multiPlatform("plan9/mips");
  const args = ["pull", "--format", "json", registry.add("app", artifact, "v1")];
  await user.larder(args);
  const [result] = JSON.parse((await user.larder(args)).stdout);
  assert.equal(result.platform, "plan9/mips");
  assert.equal(result.manifestDigest, artifact.children[0]!.descriptor.digest);
  assert.equal(result.freshness, "current");
  assert.equal(result.bytesFetched, 0);
});

Deno.test("pull --format json prints nothing if a reference fails", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const good = registry.add("app", image(["one"]), "v1");
  const bad = registry.reference("nope", "v1");
  const { code, stdout } = await user.larder(["pull", "--format", "json", good, bad]);
  assert.equal(code, 3);
  assert.equal(stdout, "");
});

Deno.test("pull prints the results of the references before one that fails", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const artifact = image(["one"]);
  const good = registry.add("app", artifact, "v1");
  const { code, stdout } = await user.larder(["pull", good, registry.reference("nope", "v1")]);
  assert.equal(code, 3);
  assert.equal(stdout, `${good}@${artifact.descriptor.digest}\n`);
});

Deno.test("--cache-dir overrides LARDER_CACHE_DIR, which overrides the config", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", image(["one"]), "v1");
  const has = (folder: string) => {
    try {
      return Deno.statSync(user.path(join(folder, "registry/manifests"))).isDirectory;
    } catch {
      return false;
    }
  };
  user.write(".config/larder/config.yaml", `cache_dir: ${user.path("from-config")}\n`);
  await user.larder(["pull", reference]);
  assert.deepEqual([has("from-config"), has(".cache/larder")], [true, false]);
  const env = { LARDER_CACHE_DIR: user.path("from-variable") };
  await user.larder(["pull", reference], { env });
  assert.ok(has("from-variable"));
  await user.larder(["pull", "--cache-dir", "from-option", reference], { env });
  assert.ok(has("from-option"), "a relative folder is resolved against the working folder");
});
