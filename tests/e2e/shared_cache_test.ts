import assert from "node:assert/strict";
import { index } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { Gate } from "../support/gate.ts";
import { held, status } from "../support/registry/faults.ts";
import { debBytes, digestOfBytes, FileServer } from "../support/registry/file_server.ts";
import { HttpServer, jsonAnswer, textAnswer } from "../support/registry/http_server.ts";
import { until } from "../support/until.ts";
import { APP, buildArgs, LAYER, Team, warnings } from "../support/cli/team.ts";

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
    s3.heal();
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
  // A new key: the records of the old one are replaced.
  const withNewKey = (settings: object) => {
    const user = team.machine(settings, () => new QuickUser());
    user.write("shared.key", "another key, which is long enough too\n");
    return user;
  };
  const refused = await build(withNewKey({ write: true }));
  assert.match(refused.stderr, /ran\n/);
  assert.match(warnings(refused).join(), /not signed with the key/);
  const believed = await build(withNewKey({}));
  assert.match(believed.stderr, /\(shared\)/);
  assert.deepEqual(warnings(believed), []);
});

Deno.test("the role of a container gives access to a bucket", async () => {
  await using team = await Team.start();
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION } = team.s3.environment;
  await using role = await HttpServer.start(({ path, headers }) => {
    if (path !== "/role" || headers.get("authorization") !== "token") return textAnswer(403, "");
    return jsonAnswer(200, {
      AccessKeyId: AWS_ACCESS_KEY_ID,
      SecretAccessKey: AWS_SECRET_ACCESS_KEY,
      Token: "session",
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    });
  });
  const env = {
    AWS_REGION,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${role.host}/role`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: "token",
  };
  const user = team.machine({ write: true });
  const pulled = await user.larder(["pull", team.tag], { env });
  assert.match(pulled.stderr, /wrote 4 objects/);
  assert.equal(role.requests().length, 1);
  const refused = { ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN: "other" };
  const other = await team.machine().larder(["pull", team.byDigest], { env: refused });
  assert.equal(other.code, 0, other.stderr);
  assert.match(
    warnings(other).join("|"),
    /^[^|]*no credentials from 127\.0\.0\.1:\d+: it answered 403[^|]*$/,
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
