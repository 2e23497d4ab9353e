import assert from "node:assert/strict";
import { image } from "../support/cache/artifacts.ts";
import { run } from "../support/cli/commands.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { redirect } from "../support/registry/faults.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

Deno.test("serve does not start unless it is said who may use it and what they may name", async () => {
  using user = new TestUser();
  const tokens = user.write("tokens", TOKEN);
  Deno.chmodSync(tokens, 0o600);
  const cases: [string[], RegExp][] = [
    [[], /others can reach 0\.0\.0\.0, .* who may use the server .*\nhint: add --token FILE/],
    [
      ["--open"],
      /others can reach 0\.0\.0\.0, .* upstreams they may name .*\nhint: .*--allow docker\.io/,
    ],
    [["--token", tokens], /which upstreams they may name/],
    [["--token", tokens, "--open", "--allow", "*"], /--open cannot be combined/],
    [["--token", "gone", "--allow", "*"], /no file gone, which --token/],
    [["--open", "--allow", "acme/app"], /"acme\/app" does not begin with a host/],
    [["--open", "--allow", "*", "--tls-cert", tokens], /--tls-cert needs --tls-key/],
  ];
  for (const [args, expected] of cases) {
    const result = await user.larder(["serve", "--listen", "0.0.0.0:0", ...args]);
    assert.equal(result.code, 2, result.stderr);
    assert.match(result.stderr, expected);
  }
});

Deno.test("serve lets in clients with a token over HTTPS, skopeo with it as the password, and renews its certificate", async () => {
  await using registry = await TestRegistry.start();
  using ca = await TestCa.create();
  using user = new TestUser();
  const { certificate, key } = await ca.issue();
  const tokens = user.write("tokens", `# CI\n${TOKEN}\n`);
  Deno.chmodSync(tokens, 0o600);
  const tls = ["--tls-cert", certificate, "--tls-key", key];
  await using serving = await ServingRegistry.start(user, ["--token", tokens, ...tls], {
    env: { LARDER_SERVE_DEFAULT_UPSTREAM: registry.host },
  });
  const name = registry.add("app", image(["small"]), "v1").replace(/:v1$/, "");
  using client = Deno.createHttpClient({ caCerts: [ca.pem] });
  const path = `${name}/manifests/v1`;
  assert.deepEqual(await serving.error(path, { client }), [401, "UNAUTHORIZED"]);
  assert.deepEqual(registry.requests(), []);
  const headers = { authorization: `Bearer ${TOKEN}` };
  await serving.bytes(path, 200, { client, headers });
  // What a client sends goes to no registry.
  assert.ok(registry.requests().every((request) => !request.headers.has("authorization")));
  const inspect = (password: string) =>
    run("skopeo", [
      ...["inspect", "--tls-verify=false", "--creds", `ci:${password}`],
      `docker://${serving.host}/app:v1`,
    ]);
  assert.match(await inspect(TOKEN), /"Digest": "sha256:/);
  await assert.rejects(
    inspect(`${TOKEN}0`),
    /unauthorized|authentication required|invalid username/i,
  );
  using later = await TestCa.create();
  const renewed = await later.issue();
  Deno.renameSync(renewed.certificate, certificate);
  Deno.renameSync(renewed.key, key);
  await serving.said("using the renewed certificate");
  using laterClient = Deno.createHttpClient({ caCerts: [later.pem] });
  let response: Response | undefined;
  while (!response) {
    // The port is closed for a moment.
    response = await serving.request(path, { client: laterClient, headers }).catch(() => undefined);
  }
  assert.equal((await response.bytes(), response.status), 200);
  const { stdout, stderr } = await serving.stop();
  assert.ok(!`${stdout}${stderr}`.includes(TOKEN), stderr);
});

Deno.test("serve connects to no address of its network that is not spelled out, by name, redirect or token server", async () => {
  await using registry = await TestRegistry.start();
  await using inside = await HttpServer.start(() => textAnswer(200, "secret"));
  await using redirecting = await HttpServer.start(() =>
    textAnswer(307, "", { Location: `http://${inside.host}/` })
  );
  await using denying = await HttpServer.start(() =>
    textAnswer(401, "", { "WWW-Authenticate": `Bearer realm="http://${inside.host}/token"` })
  );
  using user = new TestUser();
  const allow = [registry.host, redirecting.host, denying.host].flatMap((h) => ["--allow", h]);
  await using serving = await ServingRegistry.start(user, [...allow, "--allow", "*.test"]);
  const name = registry.add("app", image(["small"]), "v1").replace(/:v1$/, "");
  await serving.bytes(`${name}/manifests/v1`);
  for (const host of [inside.host, inside.host.replace("127.0.0.1", "localhost")]) {
    assert.deepEqual(await serving.error(`${host}/app/manifests/v1`), [403, "DENIED"]);
    assert.deepEqual(await serving.error(`app/manifests/v1?ns=${host}`), [403, "DENIED"]);
  }
  for (const { host } of [redirecting, denying]) {
    assert.deepEqual(await serving.error(`${host}/app/manifests/v1`), [403, "DENIED"]);
  }
  assert.deepEqual(inside.requests(), []);
  assert.equal((await serving.stop()).code, 0);
});

Deno.test("serve asks a mirror of the config at a private address, which clients cannot name or be redirected to", async () => {
  await using mirror = await TestRegistry.start();
  await using elsewhere = await HttpServer.start(() => textAnswer(200, "secret"));
  await using redirecting = await HttpServer.start(() =>
    textAnswer(307, "", { Location: `http://${mirror.host}/v2/acme/app/manifests/v1` })
  );
  using user = new TestUser();
  const app = image(["small"]);
  mirror.add("acme/app", app, "v1");
  const config = user.write("config.yaml", {
    registries: { "registry.invalid": { mirrors: mirror.host } },
  });
  const allow = ["--allow", "*", "--allow", redirecting.host];
  await using serving = await ServingRegistry.start(user, ["--config", config, ...allow]);
  assert.deepEqual(await serving.bytes("registry.invalid/acme/app/manifests/v1"), app.bytes);
  mirror.clearLog();
  for (const host of [mirror.host, mirror.host.replace("127.0.0.1", "localhost")]) {
    assert.deepEqual(await serving.error(`acme/app/manifests/v1?ns=${host}`), [403, "DENIED"]);
  }
  const redirected = `${redirecting.host}/acme/app/manifests/v1`;
  assert.deepEqual(await serving.error(redirected), [403, "DENIED"]);
  assert.deepEqual(mirror.requests(), []);
  mirror.fail("/blobs/", redirect(`http://${elsewhere.host}`));
  const blob = `registry.invalid/acme/app/blobs/${app.blobs[0]!.descriptor.digest}`;
  assert.equal((await serving.error(blob))[0], 502);
  assert.deepEqual(elsewhere.requests(), []);
  const { stderr } = await serving.stop();
  assert.match(stderr, /warning: skipping the mirror 127\.0\.0\.1:\d+: refusing to connect/);
});

Deno.test("serve without --allow reaches no address of its network", async () => {
  await using inside = await HttpServer.start(() => textAnswer(200, "secret"));
  using user = new TestUser();
  const config = user.write("config.yaml", `serve: {listen: "127.0.0.1:0"}`);
  await using running = user.spawn(["--config", config, "serve"]);
  await running.said("Serving ");
  const url = /^Serving .* at (http:\S+)$/m.exec(running.stderr)![1]!;
  const hosts = [inside.host, inside.host.replace("127.0.0.1", "localhost"), "169.254.169.254"];
  for (const host of hosts) {
    const response = await fetch(`${url}/v2/${host}/app/manifests/v1`);
    assert.equal(response.status, 403);
    assert.match(await response.text(), /refusing to connect to .* (loopback|link-local) address/);
  }
  assert.deepEqual(inside.requests(), []);
  running.kill("SIGTERM");
  const { code, stderr } = await running.result;
  assert.equal(code, 0);
  assert.doesNotMatch(stderr, /Deprecation/);
});

Deno.test("serve --print-config prints the file on stdout and where it belongs on stderr", async () => {
  using user = new TestUser();
  const result = await user.larder(["serve", "--print-config", "docker"]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(JSON.parse(result.stdout), { "registry-mirrors": ["http://127.0.0.1:5000"] });
  assert.match(result.stderr, /^put this into \/etc\/docker\/daemon\.json/);
});
