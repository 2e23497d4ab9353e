import assert from "node:assert/strict";
import { blob, image, index, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { Gate } from "../support/gate.ts";
import {
  type Fault,
  held,
  html,
  resetAfter,
  shortBody,
  status,
  wrongBytes,
} from "../support/registry/faults.ts";
import { debBytes, digestOfBytes, FileServer } from "../support/registry/file_server.ts";
import { ForwardProxy } from "../support/registry/forward_proxy.ts";
import { s3Error, S3Server } from "../support/registry/s3_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

const LAYER = blob(randomBytes(64 * 1024, "shared layer"));
const APP = image([LAYER, "a small one"]);
const KEY = "a key of more than thirty-two bytes\n";

/** A registry, a bucket, and machines that share the bucket. */
class Team implements AsyncDisposable {
  readonly #machines: TestUser[] = [];

  private constructor(readonly upstream: TestRegistry, readonly s3: S3Server) {}

  static async start(): Promise<Team> {
    const team = new Team(await TestRegistry.start(), await S3Server.start());
    team.upstream.add("app", APP, "v1");
    return team;
  }

  /** A machine with an empty cache that reads, and writes if the settings say so. */
  machine(settings: object = {}, create = () => new TestUser()): TestUser {
    const user = create();
    this.#machines.push(user);
    user.write("shared.key", KEY);
    Deno.chmodSync(user.path("shared.key"), 0o600);
    user.write(".config/larder/config.yaml", {
      shared: this.s3.settings({ key_file: user.path("shared.key"), ...settings }),
    });
    return user;
  }

  async run(user: TestUser, ...args: string[]): Promise<Result> {
    const result = await user.larder(args, { env: this.s3.environment });
    assert.equal(result.code, 0, result.stderr);
    assertStoreSound(user.registry);
    return result;
  }

  get tag(): string {
    return this.upstream.reference("app", "v1");
  }

  get byDigest(): string {
    return `${this.upstream.host}/app@${APP.descriptor.digest}`;
  }

  /** Fills the bucket. */
  async write(...args: string[]): Promise<Result> {
    const result = await this.run(this.machine({ write: true }, () => new QuickUser()), ...args);
    this.s3.clearLog();
    this.upstream.clearLog();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const user of this.#machines) user[Symbol.dispose]();
    await this.upstream[Symbol.asyncDispose]();
    await this.s3[Symbol.asyncDispose]();
  }
}

function warnings({ stderr }: Result): string[] {
  return stderr.split("\n").filter((line) => line.startsWith("warning:"));
}

Deno.test("what one machine pulled, another pulls by digest while the registry is away", async () => {
  await using team = await Team.start();
  const { s3, upstream } = team;
  const cold = await team.run(team.machine({ write: true }), "pull", team.tag);
  assert.match(
    cold.stderr,
    /wrote 4 objects \(64\.\d+ KiB\) to the shared cache s3:\/\/test-bucket\/team/,
  );
  assert.deepEqual(s3.requests().filter(({ status }) => status >= 400 && status !== 404), []);
  upstream.fail("", status(500));
  upstream.clearLog();
  const b = team.machine();
  const pulled = await team.run(b, "pull", team.byDigest);
  assert.match(pulled.stderr, /fetched 2 layers \(64\.\d+ KiB\), reused nothing \(shared\)/);
  assert.deepEqual(upstream.requests(), []);
  assert.deepEqual(s3.requests("PUT").length, 4);
  assertNoStrayFiles(b.registry);
  const why = JSON.parse((await team.run(b, "why", "--format", "json", team.byDigest)).stdout);
  assert.equal(why.history[0].source, "shared");
  const stats = JSON.parse((await team.run(b, "stats", "--format", "json")).stdout);
  assert.equal(stats.shared, stats.fetched);
  assert.match(
    (await team.run(b, "stats")).stdout,
    /FETCHED +64\.\d+ KiB, 64\.\d+ KiB of it shared/,
  );
});

Deno.test("a tag is asked about at its registry, and only its content comes from the shared cache", async () => {
  await using team = await Team.start();
  await team.write("pull", team.tag);
  const pulled = await team.run(team.machine({}, () => new QuickUser()), "pull", team.tag);
  assert.match(pulled.stderr, /\(shared\)/);
  assert.deepEqual(team.upstream.requests().map(({ line }) => line), ["GET /v2/app/manifests/v1"]);
  const json = await team.run(
    team.machine({}, () => new QuickUser()),
    ...["pull", "--format", "json", team.tag],
  );
  const [{ parts }] = JSON.parse(json.stdout);
  assert.deepEqual(parts.map((part: { source?: string }) => part.source), Array(3).fill("shared"));
});

Deno.test("an index is shared with its manifests, children first", async () => {
  await using team = await Team.start();
  const { s3, upstream } = team;
  const all = index([{ artifact: APP, platform: { os: "linux", architecture: "amd64" } }]);
  upstream.add("app", all, "all");
  await team.run(
    team.machine({ write: true }, () => new QuickUser()),
    ...["pull", "--platform", "linux/amd64", upstream.reference("app", "all")],
  );
  const order = s3.requests("PUT").map(({ path }) => path.split("/").at(-1));
  assert.deepEqual(order.slice(-2), [APP, all].map(({ descriptor }) => descriptor.digest));
});

Deno.test("shared.write is off by default, and --offline asks nothing", async () => {
  await using team = await Team.start();
  const user = team.machine({}, () => new QuickUser());
  await team.run(user, "pull", team.tag);
  assert.deepEqual(team.s3.requests("PUT"), []);
  team.s3.clearLog();
  await team.run(user, "--offline", "pull", team.tag);
  assert.deepEqual(team.s3.requests(), []);
});

const READ_FAULTS: [name: string, what: string | RegExp, fault: Fault, warning: RegExp][] = [
  [
    "has wrong bytes",
    "/data/",
    wrongBytes,
    /skipping data\/[0-9a-f]{12} in the shared cache .*: wrong content/,
  ],
  ["has shorter content", "/data/", shortBody(5), /wrong size/],
  ["answers with a page", "", html, /skipping/],
  ["breaks off", "/data/", resetAfter(100), /broke off/],
  ["denies access", "", () => s3Error(403, "AccessDenied"), /answered 403 \(AccessDenied/],
  ["is broken", "", status(500), /answered 500/],
  ["is busy", "", () => s3Error(503, "SlowDown"), /answered 503 \(SlowDown/],
  [
    "is in another region",
    "",
    status(301, { "x-amz-bucket-region": "eu-central-1" }),
    /answered 301: the bucket is in eu-central-1/,
  ],
  ["lacks the bucket", "", () => s3Error(404, "NoSuchBucket"), /NoSuchBucket/],
];

for (const [name, what, fault, warning] of READ_FAULTS) {
  Deno.test(`pull goes on to the registry, with one warning, if the shared cache ${name}`, async () => {
    await using team = await Team.start();
    await team.write("pull", team.tag);
    team.s3.fail(what, fault);
    const user = team.machine({}, () => new QuickUser());
    const pulled = await team.run(user, "pull", team.byDigest);
    assert.equal(warnings(pulled).length, 1, pulled.stderr);
    assert.match(warnings(pulled)[0]!, warning);
    assertNoStrayFiles(user.registry);
    assert.equal(team.upstream.downloads(LAYER).length, 1);
  });
}

Deno.test("pull goes on to the registry if the shared cache is away, slow or without content", async () => {
  await using team = await Team.start();
  const away = team.machine({ endpoint: "http://127.0.0.1:1" }, () => new QuickUser());
  const first = await team.run(away, "pull", team.byDigest);
  assert.match(warnings(first).join(), /^warning: skipping the shared cache .*127\.0\.0\.1:1/);
  const lost = team.machine({ endpoint: "http://s3.invalid" }, () => new QuickUser());
  const second = await team.run(lost, "pull", team.byDigest);
  assert.match(
    warnings(second).join("|"),
    /^warning: skipping the shared cache .*s3\.invalid[^|]*$/,
  );
  const gate = new Gate();
  team.s3.fail("", held(gate));
  const slow = await team.run(team.machine({}, () => new QuickUser()), "pull", team.byDigest);
  assert.equal(warnings(slow).length, 1, slow.stderr);
  gate.open();
  team.s3.fail("nothing", html);
  const empty = await team.run(team.machine({}, () => new QuickUser()), "pull", team.byDigest);
  assert.deepEqual(warnings(empty), []);
});

const WRITE_FAULTS: [name: string, fault: Fault, warning: RegExp | undefined][] = [
  ["denies writing", () => s3Error(403, "AccessDenied"), /cannot write data\/.*AccessDenied/],
  ["has the object meanwhile", () => s3Error(412, "PreconditionFailed"), undefined],
  ["is full", () => s3Error(507, "InsufficientStorage"), /answered 507/],
];

for (const [name, fault, warning] of WRITE_FAULTS) {
  Deno.test(`a pull succeeds if the shared cache ${name}`, async () => {
    await using team = await Team.start();
    team.s3.fail("PUT", fault);
    const user = team.machine({ write: true }, () => new QuickUser());
    const pulled = await team.run(user, "pull", team.tag);
    assert.equal(warnings(pulled).length, warning ? 1 : 0, pulled.stderr);
    if (warning) assert.match(warnings(pulled)[0]!, warning);
  });
}

Deno.test("serve shares what clients asked for, and takes blobs but no manifests from there", async () => {
  await using team = await Team.start();
  const { s3, upstream } = team;
  const env = s3.environment;
  const name = `${upstream.host}/app`;
  const { digest } = LAYER.descriptor;
  {
    const user = team.machine({ write: true });
    await using serving = await ServingRegistry.start(user, [], { env });
    await serving.bytes(`${name}/manifests/v1`);
    await serving.bytes(`${name}/blobs/${digest}`);
    await until(() => s3.keys().length === 2, serving.result);
    await serving.stop();
  }
  const reader = team.machine();
  await using serving = await ServingRegistry.start(reader, [], { env });
  await serving.bytes(`${name}/manifests/v1`);
  upstream.fail("", status(404));
  assert.deepEqual(await serving.bytes(`${name}/blobs/${digest}`), LAYER.bytes);
  await serving.stop();
  const stats = JSON.parse((await team.run(reader, "stats", "--format", "json")).stdout);
  assert.equal(stats.shared, LAYER.bytes.length);
  const why = await team.run(reader, "why", `${name}:v1`);
  assert.match(why.stdout, /from the shared cache/);
});

Deno.test("serve answers no manifest from the shared cache", async () => {
  await using team = await Team.start();
  const { s3, upstream } = team;
  await team.write("pull", team.tag);
  upstream.fail("", status(404));
  await using serving = await ServingRegistry.start(team.machine(), [], { env: s3.environment });
  const [code] = await serving.error(`${upstream.host}/app/manifests/${APP.descriptor.digest}`);
  assert.equal(code, 404);
  await serving.stop();
});

Deno.test("serve lets uploads end when it stops, for a time, and says how many are left", async () => {
  await using team = await Team.start();
  const { s3, upstream } = team;
  for (const isSlow of [false, true]) {
    const gate = new Gate();
    s3.fail("PUT", held(gate));
    const user = team.machine({ write: true });
    await using serving = await ServingRegistry.start(user, [], { env: s3.environment });
    await serving.bytes(`${upstream.host}/app/manifests/v1`);
    await gate.reached;
    serving.kill("SIGTERM");
    await serving.said("stopping");
    if (!isSlow) gate.open();
    const { code, stderr } = await serving.result;
    assert.equal(code, 0, stderr);
    if (isSlow) assert.match(stderr, /warning: 1 object not written to .*: not done after 5s/);
    else assert.match(stderr, /wrote 1 object /);
    gate.open();
    s3.objects.clear();
  }
});

Deno.test("a package that one machine fetched, another has while its server is away", async () => {
  await using team = await Team.start();
  await using server = await FileServer.start();
  const deb = debBytes(64 * 1024);
  const url = server.add("/debian/pool/hello_2.10-3_amd64.deb", deb);
  await team.write("fetch", url);
  assert.equal(team.s3.keys("packages/").length, 1);
  server.fail("", status(503));
  const fetched = await team.run(team.machine(), "fetch", url);
  assert.match(fetched.stderr, /fetched 1 package \(64\.\d+ KiB\), reused 0 packages.* \(shared\)/);
  assert.deepEqual(Deno.readFileSync(fetched.stdout.trim()), deb);
  // The digest proves it without the key, but nothing else says which digest the name has.
  const keyless = () => team.machine({ key_file: undefined }, () => new QuickUser());
  const args = ["fetch", url, "--digest", digestOfBytes(deb)];
  assert.match((await team.run(keyless(), ...args)).stderr, /\(shared\)/);
  const unknown = await keyless().larder(["fetch", url], { env: team.s3.environment });
  assert.equal(unknown.code, 6, unknown.stderr);
});

Deno.test("a package whose record is not signed with the key comes from its own server", async () => {
  await using team = await Team.start();
  await using server = await FileServer.start();
  const url = server.add("/debian/pool/hello_2.10-3_amd64.deb", debBytes(64 * 1024));
  await team.write("fetch", url);
  const [key] = team.s3.keys("packages/");
  const forge = (text: string) => text.replace(/"version":"[^"]+"/, '"version":"2.10-4"');
  team.s3.change(
    key!,
    (bytes) => new TextEncoder().encode(forge(new TextDecoder().decode(bytes))),
  );
  const fetched = await team.run(team.machine({}, () => new QuickUser()), "fetch", url);
  assert.doesNotMatch(fetched.stderr, /\(shared\)/);
  assert.match(warnings(fetched).join(), /it is not signed with the key of shared\.key_file/);
});

Deno.test("a record that was copied to another name is not believed", async () => {
  await using team = await Team.start();
  await using server = await FileServer.start();
  const old = server.add("/debian/pool/hello_2.10-2_amd64.deb", debBytes(64 * 1024));
  const url = server.add("/debian/pool/hello_2.10-3_amd64.deb", debBytes(65 * 1024));
  await team.write("fetch", old);
  const [first] = team.s3.keys("packages/");
  await team.write("fetch", url);
  const [second] = team.s3.keys("packages/").filter((key) => key !== first);
  team.s3.copy(first!, second!);
  const fetched = await team.run(team.machine({}, () => new QuickUser()), "fetch", url);
  assert.doesNotMatch(fetched.stderr, /\(shared\)/);
  assert.match(warnings(fetched).join(), /skipping packages\/.*: it is about something else/);
  // The record of a package under the key of a build.
  const user = team.machine({ write: true }, () => new QuickUser());
  await team.run(user, ...buildArgs(user));
  team.s3.copy(first!, team.s3.keys("builds/")[0]!);
  const other = team.machine({}, () => new QuickUser());
  const built = await team.run(other, ...buildArgs(other));
  assert.match(built.stderr, /ran\n/);
  assert.match(warnings(built).join(), /skipping builds\/.*: it is about something else/);
});

Deno.test("fetch --replace takes what the server has now, and replaces it in the shared cache", async () => {
  await using team = await Team.start();
  await using server = await FileServer.start();
  const path = "/debian/pool/hello_2.10-3_amd64.deb";
  const url = server.add(path, debBytes(64 * 1024));
  await team.write("fetch", url);
  const changed = debBytes(65 * 1024);
  server.add(path, changed);
  await team.write("fetch", "--replace", url);
  const fetched = await team.run(team.machine({}, () => new QuickUser()), "fetch", url);
  assert.match(fetched.stderr, /\(shared\)/);
  assert.deepEqual(Deno.readFileSync(fetched.stdout.trim()), changed);
});

/** Writes a build whose command leaves a trace where it runs. */
function addBuild(user: TestUser): string {
  user.write("project/image.yaml", {
    run: ["sh", "-c", "echo ran >&2; echo content > $LARDER_OUTPUT; chmod +x $LARDER_OUTPUT"],
    output: "image.img",
  });
  return user.path("project/image.yaml");
}

function buildArgs(user: TestUser): string[] {
  return ["build", addBuild(user), "--sandbox", "none", "-o", user.path("image.img")];
}

for (const [name, what, fault] of READ_FAULTS) {
  Deno.test(`fetch and build go on by themselves, with one warning each, if the shared cache ${name}`, async () => {
    await using team = await Team.start();
    await using server = await FileServer.start();
    const url = server.add("/debian/pool/hello_2.10-3_amd64.deb", debBytes(64 * 1024));
    const writer = team.machine({ write: true }, () => new QuickUser());
    await team.run(writer, ...buildArgs(writer));
    await team.run(writer, "fetch", url);
    team.s3.fail(what, fault);
    for (const args of [["fetch", url], undefined]) {
      const user = team.machine({}, () => new QuickUser());
      const result = await team.run(user, ...args ?? buildArgs(user));
      assert.doesNotMatch(result.stderr, /\(shared\)/);
      assert.equal(warnings(result).length, 1, result.stderr);
      assertNoStrayFiles(user.registry);
    }
  });
}

Deno.test("what one machine built, another has without running the command", async () => {
  await using team = await Team.start();
  const a = team.machine({ write: true });
  const b = team.machine();
  const build = async (user: TestUser, ...options: string[]) => {
    return await team.run(user, ...buildArgs(user), ...options);
  };
  assert.match((await build(a)).stderr, /ran\n/);
  const built = await build(b, "--strict");
  assert.doesNotMatch(built.stderr, /ran\n/);
  assert.match(built.stderr, /Use build from cache: image .* \(shared\)/);
  assert.equal(Deno.readTextFileSync(b.path("image.img")), "content\n");
  assert.equal(Deno.statSync(b.path("image.img")).mode! & 0o100, 0o100);
  assert.doesNotMatch((await build(b)).stderr, /shared/);
  const keyless = team.machine({ key_file: undefined }, () => new QuickUser());
  assert.match((await build(keyless)).stderr, /ran\n/);
  const other = team.machine({}, () => new QuickUser());
  other.write("shared.key", "another key, which is long enough too\n");
  const refused = await build(other);
  assert.match(refused.stderr, /ran\n/);
  assert.match(warnings(refused).join(), /not signed with the key/);
});

Deno.test("pull goes on if the credentials for the shared cache cannot be read or sent", async () => {
  await using team = await Team.start();
  const user = team.machine({}, () => new QuickUser());
  const env = { AWS_SHARED_CREDENTIALS_FILE: user.home };
  const first = await user.larder(["pull", team.byDigest], { env });
  assert.equal(first.code, 0, first.stderr);
  assert.match(warnings(first).join("|"), /^warning: (nothing is shared|skipping)[^|]*$/);
  const other = team.machine({}, () => new QuickUser());
  const bad = { ...team.s3.environment, AWS_ACCESS_KEY_ID: "line\nbreak" };
  const second = await other.larder(["pull", team.byDigest], { env: bad });
  assert.equal(second.code, 0, second.stderr);
  assert.equal(warnings(second).length, 1, second.stderr);
});

Deno.test("a shared cache behind a proxy is read, and not written to, with a warning that says so", async () => {
  await using team = await Team.start();
  await team.write("pull", team.tag);
  await using proxy = await ForwardProxy.start(() => Number(new URL(team.s3.endpoint).port));
  const endpoint = "http://bucket.test";
  const env = { ...team.s3.environment, HTTP_PROXY: `http://${proxy.host}` };
  const reader = team.machine({ endpoint });
  const pulled = await reader.larder(["pull", team.byDigest], { env });
  assert.match(pulled.stderr, /\(shared\)/);
  assert.deepEqual(warnings(pulled), []);
  assert.deepEqual([...new Set(proxy.hosts)], ["bucket.test"]);
  const writer = team.machine({ endpoint, write: true });
  const built = await writer.larder(buildArgs(writer), { env });
  assert.equal(built.code, 0, built.stderr);
  assert.equal(warnings(built).length, 1, built.stderr);
  assert.match(
    built.stderr,
    /warning: writing nothing to .*: uploads to bucket\.test cannot go through the proxy/,
  );
});

Deno.test("what registries.conf blocks is not taken from the shared cache either", async () => {
  await using team = await Team.start();
  await team.write("pull", team.tag);
  const user = team.machine();
  user.write("blocked.conf", `[[registry]]\nprefix = "${team.upstream.host}"\nblocked = true\n`);
  const env = { ...team.s3.environment, CONTAINERS_REGISTRIES_CONF: user.path("blocked.conf") };
  const { code, stderr } = await user.larder(["pull", team.byDigest], { env });
  assert.equal(code, 4, stderr);
  assert.deepEqual(team.s3.requests(), []);
});

Deno.test("a key file that all users can read is used, with a warning that says what to type", async () => {
  await using team = await Team.start();
  const user = team.machine({ write: true }, () => new QuickUser());
  Deno.chmodSync(user.path("shared.key"), 0o644);
  const built = await team.run(user, ...buildArgs(user));
  assert.match(
    warnings(built).join("|"),
    /^warning: other users may [^|]*chmod 600 \S+shared\.key$/,
  );
  assert.equal(team.s3.keys("builds/").length, 1);
});

Deno.test("a key file that cannot be used is a warning, and nothing signed is shared", async () => {
  await using team = await Team.start();
  const user = team.machine({ write: true }, () => new QuickUser());
  user.write("shared.key", "short");
  const built = await team.run(user, ...buildArgs(user));
  assert.match(warnings(built).join(), /shared\.key: the key has 5 bytes, and needs 32 at least/);
  assert.deepEqual(team.s3.keys("builds/"), []);
});
