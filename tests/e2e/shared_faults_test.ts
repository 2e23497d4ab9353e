import assert from "node:assert/strict";
import { assertNoStrayFiles } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
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
import { debBytes, FileServer } from "../support/registry/file_server.ts";
import { ForwardProxy } from "../support/registry/forward_proxy.ts";
import { s3Error } from "../support/registry/s3_server.ts";
import { buildArgs, LAYER, Team, warnings } from "../support/cli/team.ts";

const READ_FAULTS: [name: string, what: string | RegExp, fault: Fault, warning: RegExp][] = [
  [
    "has wrong bytes",
    "/data/",
    wrongBytes,
    /skipping data\/[0-9a-f]{12} in the shared cache .*: wrong content/,
  ],
  ["has shorter content", "/data/", shortBody(5), /wrong size/],
  ["answers with a page", "", html, /skipping/],
  ["breaks off", "/data/", resetAfter(4), /broke off/], // The result of a build has 8 bytes.
  ["denies access", "", () => s3Error(403, "AccessDenied"), /answered 403 \(AccessDenied/],
  ["is broken", "", status(500), /answered 500/],
  ["is busy", "", () => s3Error(503, "SlowDown"), /answered 503 \(SlowDown/],
  [
    "is in another region",
    "",
    status(301, { "x-amz-bucket-region": "eu-central-1" }),
    /answered 301: the bucket is in eu-central-1; set shared\.region to eu-central-1/,
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

Deno.test("a machine that writes replaces a blob with wrong bytes", async () => {
  await using team = await Team.start();
  await team.write("pull", team.tag);
  team.s3.change(`data/${LAYER.descriptor.digest}`, (bytes) => bytes.map((byte) => byte ^ 1));
  await team.write("pull", team.byDigest);
  const user = team.machine({}, () => new QuickUser());
  assert.deepEqual(warnings(await team.run(user, "pull", team.byDigest)), []);
  assert.equal(team.upstream.downloads(LAYER).length, 0);
});

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
    /warning: writing nothing to .*: uploads to bucket\.test cannot go through the proxy; name bucket\.test in NO_PROXY/,
  );
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
