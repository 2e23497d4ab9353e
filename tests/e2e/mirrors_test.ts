import assert from "node:assert/strict";
import { join } from "node:path";
import { statIfAny } from "../../src/base/files/files.ts";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { hasProgram, missingProgram } from "../support/cli/commands.ts";
import { childEnvironment } from "../support/cli/environment.ts";
import { Gate } from "../support/gate.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import {
  type Fault,
  heldAfter,
  html,
  resetAfter,
  status,
  tooManyRequests,
  wrongBytes,
} from "../support/registry/faults.ts";
import { basicGuard, TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

const LAYER = blob(randomBytes(64 * 1024, "layer"));
const APP = image([LAYER, "a small one"]);
const CONF = "registries.conf";

/** A registry, and a mirror of it that has the same app below the registry's name, as `larder serve` has. */
class Mirrored implements AsyncDisposable {
  private constructor(readonly upstream: TestRegistry, readonly mirror: TestRegistry) {}

  static async start(): Promise<Mirrored> {
    const own = new Mirrored(await TestRegistry.start(), await TestRegistry.start());
    own.upstream.add("app", APP, "v1");
    own.mirror.add(`${own.upstream.host}/app`, APP, "v1");
    return own;
  }

  get reference(): string {
    return this.upstream.reference("app", "v1");
  }

  /** The mirror as the config names it. */
  get location(): string {
    return `${this.mirror.host}/${this.upstream.host}`;
  }

  configure(user: TestUser, mirrors: string | readonly string[] = this.location): void {
    user.write(".config/larder/config.yaml", { registries: { [this.upstream.host]: { mirrors } } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstream[Symbol.asyncDispose]();
    await this.mirror[Symbol.asyncDispose]();
  }
}

async function good(user: TestUser, args: readonly string[], env = {}): Promise<Result> {
  const result = await user.larder(args, { env });
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

function warnings({ stderr }: Result): string[] {
  return stderr.split("\n").filter((line) => line.startsWith("warning:"));
}

Deno.test("every command that asks a registry asks its mirror, and the cache names the registry", async () => {
  await using own = await Mirrored.start();
  const { mirror, upstream, reference } = own;
  upstream.fail("", status(500));
  using user = new TestUser();
  own.configure(user);
  const pulled = await good(user, ["pull", reference]);
  assert.equal(pulled.stdout, `${reference}@${APP.descriptor.digest}\n`);
  assert.match(pulled.stderr, new RegExp(`\\(mirror: ${mirror.host}\\)`));
  const [file] = filesBelow(user.registry).filter((path) => path.includes(LAYER.descriptor.digest));
  Deno.removeSync(file!);
  await good(user, ["verify", "--repair"]);
  await good(user, ["outdated", "--exit-code"]);
  await good(user, ["lock", reference]);
  const again = await good(user, ["pull", "--format", "json", reference]);
  assert.deepEqual(JSON.parse(again.stdout)[0].mirrors, [mirror.host]);
  const why = JSON.parse((await good(user, ["why", "--format", "json", reference])).stdout);
  assert.deepEqual(why.history[0].mirrors, [mirror.host]);
  const listed = JSON.parse((await good(user, ["list", "--format", "json"])).stdout);
  assert.match(JSON.stringify(listed), new RegExp(reference));
  assert.ok(!JSON.stringify(listed).includes(mirror.host));
  assert.deepEqual(upstream.requests(), []);
});

const FAULTS: [name: string, what: string, fault: Fault, warning: RegExp | undefined][] = [
  ["lacks a blob", "/blobs/", status(404), undefined],
  ["lacks the name", "", status(404), undefined],
  ["sends wrong bytes for blobs", "/blobs/", wrongBytes, /wrong content for/],
  ["sends a page for everything", "", html, /bad manifest/],
  ["sends a page for blobs", "/blobs/", html, /wrong size/],
  ["is rate limited", "", tooManyRequests("60"), /answered 429/],
  ["is rate limited for blobs", "/blobs/", tooManyRequests("60"), /answered 429/],
  ["is broken", "", status(500), /answered 500/],
  ["denies access", "", status(403), /answered 403/],
  ["breaks off blobs", "/blobs/", resetAfter(100), /broke off/],
];

for (const [name, what, fault, warning] of FAULTS) {
  Deno.test(`pull goes on to the registry if the mirror ${name}`, async () => {
    await using own = await Mirrored.start();
    using user = new QuickUser();
    own.configure(user);
    own.mirror.fail(what, fault);
    const result = await good(user, ["pull", own.reference]);
    assert.equal(result.stdout, `${own.reference}@${APP.descriptor.digest}\n`);
    assert.equal(warnings(result).length, warning ? 1 : 0, result.stderr);
    if (warning) assert.match(warnings(result)[0]!, warning);
    assert.equal(own.upstream.downloads(LAYER).length, 1);
  });
}

Deno.test("pull asks mirrors in order and skips one that is down", async () => {
  await using own = await Mirrored.start();
  using user = new QuickUser();
  own.configure(user, ["127.0.0.1:1/x", own.location]);
  const result = await good(user, ["pull", own.reference]);
  assert.equal(warnings(result).length, 1);
  assert.match(result.stderr, /skipping the mirror 127\.0\.0\.1:1: cannot reach/);
  assert.deepEqual(own.upstream.requests(), []);
});

Deno.test("pull continues a download that a mirror broke off at the registry", async () => {
  await using own = await Mirrored.start();
  using user = new QuickUser();
  own.configure(user);
  own.mirror.fail(LAYER.descriptor.digest, resetAfter(40_000), 1);
  own.mirror.fail(LAYER.descriptor.digest, status(503));
  await good(user, ["pull", own.reference]);
  const [rest] = own.upstream.downloads(LAYER);
  assert.equal(rest?.status, 206, "only the rest was fetched");
});

Deno.test("pull continues at the registry after a kill during a download from a mirror", async () => {
  await using own = await Mirrored.start();
  using user = new TestUser();
  own.configure(user);
  const gate = new Gate();
  own.mirror.fail(LAYER.descriptor.digest, heldAfter(40_000, gate), 1);
  await using running = user.spawn(["pull", own.reference]);
  const partial = join(user.registry, "partial", LAYER.descriptor.digest);
  await until(() => (statIfAny(partial)?.size ?? 0) > 0, running.result);
  running.kill();
  await running.result;
  gate.open();
  own.mirror.fail("", status(503));
  await good(user, ["pull", own.reference]);
  assert.equal(own.upstream.downloads(LAYER)[0]?.status, 206);
});

Deno.test("build asks a mirror that is down once for all references", async () => {
  await using own = await Mirrored.start();
  using user = new TestUser();
  own.configure(user, "127.0.0.1:1/x");
  own.upstream.add("other", APP, "v1");
  const refs = [own.reference, own.upstream.reference("other", "v1")];
  user.write("image.yaml", { refs, run: ["sh", "-c", "echo > $LARDER_OUTPUT"], output: "out" });
  assert.equal(warnings(await good(user, ["build", "image.yaml"])).length, 1);
});

Deno.test("a mirror gets the credentials of its own host, and never those of the registry", async () => {
  await using own = await Mirrored.start();
  using user = new QuickUser();
  own.configure(user);
  const auth = (name: string) => ({ auth: btoa(`${name}:secret-of-${name}`) });
  own.upstream.guard = basicGuard("upstream", "secret-of-upstream");
  own.mirror.guard = basicGuard("mirror", "secret-of-mirror");
  user.write(".docker/config.json", { auths: { [own.upstream.host]: auth("upstream") } });
  const without = await good(user, ["pull", own.reference]);
  assert.equal(warnings(without).length, 1);
  const sent = own.mirror.requests().map(({ headers }) => headers.get("authorization"));
  assert.ok(sent.every((value) => value === null));

  user.write(".docker/config.json", { auths: { [own.mirror.host]: auth("mirror") } });
  await good(user, ["--cache-dir", user.path("other"), "pull", own.reference]);
  assert.ok(own.mirror.downloads(LAYER).length > 0);
});

Deno.test("registries.conf has mirrors where the config has none", async () => {
  await using own = await Mirrored.start();
  using user = new QuickUser();
  const path = user.write(
    CONF,
    `[[registry]]\nlocation = "${own.upstream.host}"\n[[registry.mirror]]\nlocation = "${own.location}"\n`,
  );
  const env = { CONTAINERS_REGISTRIES_CONF: path };
  await good(user, ["pull", own.reference], env);
  assert.deepEqual(own.upstream.requests(), []);
  own.mirror.clearLog();
  own.configure(user, []);
  await good(user, ["pull", own.reference], env);
  assert.deepEqual(own.mirror.requests(), []);
});

Deno.test("registries.conf blocks a registry with exit 4 and names the file", async () => {
  await using own = await Mirrored.start();
  using user = new QuickUser();
  own.configure(user);
  await good(user, ["pull", own.reference]);
  const path = user.write(
    CONF,
    `[[registry]]\nlocation = "${own.upstream.host}"\nblocked = true\n`,
  );
  const env = { CONTAINERS_REGISTRIES_CONF: path };
  own.mirror.clearLog();
  const result = await user.larder(["pull", own.reference], { env });
  assert.equal(result.code, 4, result.stderr);
  assert.match(result.stderr, new RegExp(`is blocked by ${path} \\[LDR_BLOCKED\\]\nhint: `));
  assert.deepEqual([...own.mirror.requests(), ...own.upstream.requests()], []);
  await good(user, ["--offline", "pull", own.reference], env);
});

for (
  const [name, text, warning] of [
    ["is no TOML", "[[registry]\n", /ignoring \S+registries\.conf: .* at \S+:1:\d+/],
    ["is of version 1", "[registries.search]\nregistries = ['a.test']\n", /version 1/],
  ] as const
) {
  Deno.test(`pull ignores a registries.conf that ${name} with one warning`, async () => {
    await using own = await Mirrored.start();
    using user = new QuickUser();
    const env = { CONTAINERS_REGISTRIES_CONF: user.write(CONF, text) };
    const other = own.upstream.add("other", APP, "v1");
    const result = await good(user, ["pull", own.reference, other], env);
    assert.equal(warnings(result).length, 1, result.stderr);
    assert.match(warnings(result)[0]!, warning);
    // What asks no registry reads no such file.
    assert.deepEqual(warnings(await good(user, ["list"], env)), []);
  });
}

Deno.test("an alias of registries.conf is what a short name on the command line means", async () => {
  await using own = await Mirrored.start();
  using user = new QuickUser();
  const path = user.write(CONF, `[aliases]\n"tools/app" = "${own.upstream.host}/app"\n`);
  const env = { CONTAINERS_REGISTRIES_CONF: path };
  const result = await good(user, ["pull", "tools/app:v1"], env);
  assert.equal(result.stdout, `${own.reference}@${APP.descriptor.digest}\n`);
  assert.ok(
    result.stderr.includes(`tools/app is ${own.upstream.host}/app, by an alias in ${path}`),
  );
  await good(user, ["lock", "tools/app:v1"], env);
  await good(user, ["pull", "--frozen", "tools/app:v1"], env);
});

/** Settings for the registry UP, with the mirror MIRROR, and what is pulled. */
const AGREEMENTS: [name: string, conf: string, target?: string][] = [
  ["a mirror", mirroredBy("MIRROR/copy")],
  ["a mirror that lacks the name", mirroredBy("MIRROR/nothing")],
  ["two mirrors", mirroredBy("MIRROR/nothing", "MIRROR/copy")],
  ["a mirror for digests, and a tag", `mirror-by-digest-only = true\n${mirroredBy("MIRROR/copy")}`],
  [
    "a mirror for digests, and a digest",
    `mirror-by-digest-only = true\n${mirroredBy("MIRROR/copy")}`,
    "@DIGEST",
  ],
  ["a longer prefix", '[[registry]]\nprefix = "UP/app"\nlocation = "MIRROR/copy/app"'],
  ["a longer prefix of another name", '[[registry]]\nprefix = "UP/ap"\nlocation = "MIRROR/copy"'],
  ["a block", "blocked = true"],
];

function mirroredBy(...locations: string[]): string {
  return locations.map((each) => `[[registry.mirror]]\nlocation = "${each}"`).join("\n");
}

Deno.test("skopeo and larder ask the same registries with the same registries.conf", async (t) => {
  if (!hasProgram("skopeo")) throw missingProgram("skopeo");
  await using own = await Mirrored.start();
  own.mirror.add("copy/app", APP, "v1");
  /** Returns the requests for manifests since the last call. */
  const asked = () =>
    [own.mirror, own.upstream].flatMap((registry) => {
      const found = registry.requests("/manifests/");
      registry.clearLog();
      return found.map(({ method, path, status }) => `${method} ${registry.host}${path} ${status}`);
    });
  for (const [name, conf, target = ":v1"] of AGREEMENTS) {
    await t.step(name, async () => {
      using user = new QuickUser();
      const text = `[[registry]]\nlocation = "UP"\n${conf}\n`
        .replaceAll("UP", own.upstream.host)
        .replaceAll("MIRROR", own.mirror.host)
        .replaceAll(/^location = .*$/gm, "$&\ninsecure = true");
      const path = user.write(`.config/containers/${CONF}`, text);
      const reference = `${own.upstream.host}/app${
        target.replace("DIGEST", APP.descriptor.digest)
      }`;
      const { success } = await new Deno.Command("skopeo", {
        args: ["--insecure-policy", "inspect", "--raw", `docker://${reference}`],
        clearEnv: true,
        env: childEnvironment({ HOME: user.home }),
      }).output();
      const bySkopeo = asked();
      assert.equal(bySkopeo.length > 0, success);
      const env = { CONTAINERS_REGISTRIES_CONF: path };
      const result = await user.larder(["pull", reference], { env });
      assert.equal(result.code === 0, success, result.stderr);
      assert.deepEqual(asked(), bySkopeo, text);
    });
  }
});
