import assert from "node:assert/strict";
import { image } from "../support/cache/artifacts.ts";
import { onTerminal } from "../support/cli/on_terminal.ts";
import { type Result, type RunOptions, TestUser } from "../support/cli/test_user.ts";
import { basicGuard, failure, TestRegistry } from "../support/registry/test_registry.ts";
import { TokenServer } from "../support/registry/token_server.ts";

const APP = image(["a layer"]);
const PASSWORD = "s3cret-word";
const AUTH_FILE = ".config/larder/auth.json";
const USERS = { bob: PASSWORD };

/** Runs `larder login` with a user name and a piped password. */
function login(user: TestUser, host: string, password = PASSWORD, options: RunOptions = {}) {
  const args = ["login", host, "-u", "bob", "--password-stdin"];
  return user.larder(args, { stdin: `${password}\n`, ...options });
}

function stored(user: TestUser): unknown {
  try {
    return JSON.parse(Deno.readTextFileSync(user.path(AUTH_FILE)));
  } catch (error) {
    assert(error instanceof Deno.errors.NotFound);
    return undefined;
  }
}

function assertNoSecrets({ stdout, stderr }: Result, ...more: string[]): void {
  for (const secret of [PASSWORD, btoa(`bob:${PASSWORD}`), ...more]) {
    assert(!`${stdout}${stderr}`.includes(secret), stderr);
  }
}

Deno.test("login gives pull access to a registry with Basic authentication until logout", async () => {
  await using registry = await TestRegistry.start();
  const reference = registry.add("team/app", APP, "v1");
  registry.guard = basicGuard("bob", PASSWORD);
  using user = new TestUser();

  const before = await user.larder(["pull", reference]);
  assert.equal(before.code, 4, before.stderr);
  assert(before.stderr.includes(`larder login ${registry.host}`), before.stderr);

  const result = await login(user, `http://${registry.host}/v2/`);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, "");
  assert.match(result.stderr, /logged in to .* as bob/);
  assertNoSecrets(result);
  const auth = btoa(`bob:${PASSWORD}`);
  assert.deepEqual(stored(user), { auths: { [registry.host]: { auth } } });
  if (Deno.build.os !== "windows") {
    assert.equal(Deno.statSync(user.path(AUTH_FILE)).mode! & 0o777, 0o600);
  }

  const pulled = await user.larder(["pull", "--verbose", reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assertNoSecrets(pulled);

  const out = await user.larder(["logout", registry.host]);
  assert.equal(out.code, 0, out.stderr);
  assert.deepEqual(stored(user), { auths: {} });
  assert.equal((await user.larder(["logout", registry.host])).code, 3);
  assert.equal((await user.larder(["pull", reference])).code, 4);
});

Deno.test("login loses no credentials if ten of them run at once", async () => {
  await using stack = new AsyncDisposableStack();
  using user = new TestUser();
  const hosts: string[] = [];
  for (let i = 0; i < 10; i++) {
    const registry = stack.use(await TestRegistry.start());
    registry.guard = basicGuard("bob", PASSWORD);
    hosts.push(registry.host);
  }
  const results = await Promise.all(hosts.map((host) => login(user, host)));
  assert.deepEqual(results.map(({ code }) => code), hosts.map(() => 0));
  const { auths } = stored(user) as { auths: Record<string, unknown> };
  assert.deepEqual(Object.keys(auths).sort(), hosts.sort());
});

Deno.test("login checks the credentials with the token server", async () => {
  await using tokens = await TokenServer.start({ users: USERS });
  await using registry = await TestRegistry.start();
  registry.guard = tokens.guard();
  const reference = registry.add("team/app", APP, "v1");
  using user = new TestUser();
  const result = await login(user, registry.host);
  assert.equal(result.code, 0, result.stderr);
  const pulled = await user.larder(["pull", "--verbose", reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assertNoSecrets(result, ...tokens.issued);
  assertNoSecrets(pulled, ...tokens.issued);
  // One token for the login and one for the pull, which makes several requests.
  assert.equal(tokens.requests().length, 2);
});

Deno.test("login exits with 4 on wrong credentials and does not store them", async () => {
  await using tokens = await TokenServer.start({ users: USERS });
  for (const guard of [basicGuard("bob", PASSWORD), tokens.guard()]) {
    await using registry = await TestRegistry.start();
    registry.guard = guard;
    using user = new TestUser();
    const result = await login(user, registry.host, "wr0ng-word");
    assert.equal(result.code, 4, result.stderr);
    assert.match(result.stderr, /^error: 127\.0\.0\.1:\d+ rejected .* user "bob" .*\[LDR_UNAUTH/m);
    assert.match(
      result.stderr,
      /^hint: check the user name, the password, and that 127\.0\.0\.1:\d+ is/m,
    );
    assert.doesNotMatch(result.stderr, /larder login/);
    assertNoSecrets(result, "wr0ng-word", btoa("bob:wr0ng-word"));
    assert.equal(stored(user), undefined);
  }
});

Deno.test("login keeps the stored credentials if the new ones are wrong", async () => {
  await using registry = await TestRegistry.start();
  registry.guard = basicGuard("bob", PASSWORD);
  using user = new TestUser();
  assert.equal((await login(user, registry.host)).code, 0);
  const before = stored(user);
  assert.equal((await login(user, registry.host, "wr0ng-word")).code, 4);
  assert.deepEqual(stored(user), before);
});

Deno.test("pull names the file of credentials that the registry rejects", async () => {
  await using registry = await TestRegistry.start();
  const reference = registry.add("team/app", APP, "v1");
  registry.guard = basicGuard("bob", "the-new-word");
  using user = new TestUser();
  const auths = { [registry.host]: { auth: btoa(`bob:${PASSWORD}`) } };
  for (const file of [AUTH_FILE, ".docker/config.json"]) {
    const path = user.write(file, { auths });
    const result = await user.larder(["pull", "--verbose", reference]);
    assert.equal(result.code, 4, result.stderr);
    assert(result.stderr.includes(`user "bob" from ${path}`), result.stderr);
    assertNoSecrets(result);
    Deno.removeSync(path);
  }
});

Deno.test("login stores unchecked credentials for an open registry and says so", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const result = await login(user, registry.host);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /not checked/);
  assert.notEqual(stored(user), undefined);
});

Deno.test("pull neither reads nor sends credentials for an open registry", async () => {
  await using registry = await TestRegistry.start();
  const reference = registry.add("team/app", APP, "v1");
  using user = new TestUser();
  user.write(AUTH_FILE, "{ broken");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert(registry.requests().every(({ headers }) => !headers.has("authorization")));
});

Deno.test("pull exits with 2 and names an invalid credential file", async () => {
  await using registry = await TestRegistry.start();
  registry.guard = basicGuard("bob", PASSWORD);
  using user = new TestUser();
  const path = user.write(".docker/config.json", `{"auths": "${PASSWORD}`);
  const result = await user.larder(["pull", "--verbose", registry.reference("team/app", "v1")]);
  assert.equal(result.code, 2, result.stderr);
  assert(result.stderr.includes(path), result.stderr);
  assertNoSecrets(result);
});

Deno.test("login exits with 2 on invalid arguments before any request", async () => {
  using user = new TestUser();
  const cases: [args: string[], stdin: string | undefined, says: RegExp][] = [
    [["h.test"], undefined, /no user name/],
    [["h.test", "--password-stdin"], "x", /no user name/],
    [["h.test", "-u", "bob"], undefined, /--password-stdin/],
    [["h.test", "-u", "bob", "--password-stdin"], "\n", /password is empty/],
    [["h.test", "-u", "", "--password-stdin"], "x", /--username needs a value/],
    [["h.test", "-u", "bob:x", "--password-stdin"], "x", /colon/],
    [["h.test/team/app", "-u", "bob", "--password-stdin"], "x", /not a host name/],
    [["h.test", "-u", "bob", "--password-stdin", "--offline"], "x", /--offline/],
    [[], undefined, /registry/],
  ];
  for (const [args, stdin, says] of cases) {
    const result = await user.larder(["login", ...args], stdin === undefined ? {} : { stdin });
    assert.equal(result.code, 2, `${args} ${result.stderr}`);
    assert.match(result.stderr, says);
    assert.equal(stored(user), undefined);
  }
});

Deno.test("login strips only the last line break of a piped password", async () => {
  for (const [piped, password] of [["a b\n\n", "a b\n"], ["a b\r\n", "a b"], [" a b ", " a b "]]) {
    await using registry = await TestRegistry.start();
    registry.guard = basicGuard("bob", password!);
    using user = new TestUser();
    const args = ["login", registry.host, "-u", "bob", "--password-stdin"];
    const result = await user.larder(args, { stdin: piped! });
    assert.equal(result.code, 0, result.stderr);
  }
});

Deno.test("login stores nothing if the host is unreachable or is not a registry", async () => {
  using user = new TestUser();
  assert.equal((await login(user, "127.0.0.1:1")).code, 6);
  await using registry = await TestRegistry.start();
  registry.guard = () => failure(404, "UNSUPPORTED", "no registry here");
  assert.notEqual((await login(user, registry.host)).code, 0);
  assert.equal(stored(user), undefined);
});

Deno.test("pull exchanges Docker's identity token with OAuth2", async () => {
  await using tokens = await TokenServer.start({ identityTokens: ["refresh-me-1"] });
  await using registry = await TestRegistry.start();
  registry.guard = tokens.guard();
  const reference = registry.add("team/app", APP, "v1");
  using user = new TestUser();
  const auths = { [registry.host]: { auth: btoa("bob:"), identitytoken: "refresh-me-1" } };
  user.write(".docker/config.json", { auths });
  const result = await user.larder(["pull", "--verbose", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(tokens.requests().map(({ method }) => method), ["POST"]);
  assertNoSecrets(result, "refresh-me-1");
});

Deno.test("pull needs no helper and no file for a registry that gives tokens to everybody", async () => {
  await using tokens = await TokenServer.start();
  await using registry = await TestRegistry.start();
  registry.guard = tokens.guard();
  const reference = registry.add("team/app", APP, "v1");
  using user = new TestUser();
  user.write(".docker/config.json", { credsStore: "larder-test" });
  user.write(".config/containers/auth.json", "{ broken");
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
});

Deno.test("pull uses the file of REGISTRY_AUTH_FILE before all others", async () => {
  await using registry = await TestRegistry.start();
  registry.guard = basicGuard("bob", PASSWORD);
  const reference = registry.add("team/app", APP, "v1");
  using user = new TestUser();
  const of = (password: string) => ({
    auths: { [registry.host]: { auth: btoa(`bob:${password}`) } },
  });
  for (const file of [AUTH_FILE, ".docker/config.json", ".config/containers/auth.json"]) {
    user.write(file, of("wr0ng-word"));
  }
  const named = user.write("named.json", of(PASSWORD));
  const env = { REGISTRY_AUTH_FILE: named };
  const result = await user.larder(["pull", reference], { env });
  assert.equal(result.code, 0, result.stderr);
  assert.equal((await user.larder(["pull", "--policy", "always", reference])).code, 4);
  const stored = await login(user, registry.host, PASSWORD, { env });
  assert(stored.stderr.includes(`warning: ${named} has other credentials for`), stored.stderr);
  const other = await login(user, registry.host);
  assert.doesNotMatch(other.stderr, /warning/);
});

Deno.test("pull calls a credential helper on the PATH and names a missing one", async () => {
  await using registry = await TestRegistry.start();
  registry.guard = basicGuard("bob", PASSWORD);
  const reference = registry.add("team/app", APP, "v1");
  using user = new TestUser();
  const config = user.write(".docker/config.json", { credsStore: "larder-test" });
  const missing = await user.larder(["pull", reference]);
  assert.equal(missing.code, 1, missing.stderr);
  assert.match(missing.stderr, /docker-credential-larder-test.*LDR_CREDENTIAL_HELPER/);
  assert(missing.stderr.includes(config), missing.stderr);

  const helper = user.write(
    "bin/docker-credential-larder-test",
    `#!/bin/sh\necho '${JSON.stringify({ Username: "bob", Secret: PASSWORD })}'\n`,
  );
  Deno.chmodSync(helper, 0o755);
  const env = { PATH: `${user.path("bin")}:${Deno.env.get("PATH")}` };
  const result = await user.larder(["pull", reference], { env });
  assert.equal(result.code, 0, result.stderr);
  assertNoSecrets(result);
});

Deno.test("pull replaces a token that expires before a blob is requested", async () => {
  for (const expiredStatus of [401, 403] as const) {
    await using tokens = await TokenServer.start({ users: USERS });
    await using registry = await TestRegistry.start();
    const guard = tokens.guard({ expiredStatus });
    let blobs = 0;
    registry.guard = (request) => {
      if (request.path.includes("/blobs/") && blobs++ === 0) tokens.expireAll();
      return guard(request);
    };
    const reference = registry.add("team/app", image(["one", "two", "three"]), "v1");
    using user = new TestUser();
    user.write(AUTH_FILE, { auths: { [registry.host]: { auth: btoa(`bob:${PASSWORD}`) } } });
    const result = await user.larder(["pull", reference]);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(tokens.requests().length, 2);
  }
});

Deno.test("login asks for name and password on a terminal and does not show the password", async () => {
  await using registry = await TestRegistry.start();
  registry.guard = basicGuard("bob", PASSWORD);
  using user = new TestUser();
  await using larder = await onTerminal(user, ["login", registry.host]);
  await larder.said("User name:");
  await larder.type("bob\r");
  await larder.said("Password:");
  await larder.type(`${PASSWORD}\r`);
  const result = await larder.result;
  assert.equal(result.code, 0, result.stderr);
  assertNoSecrets(result);
  assert.notEqual(stored(user), undefined);
});

for (const name of ["", "bob"]) {
  const question = name === "" ? "user name" : "password";
  Deno.test(`login is cancelled by Ctrl-D at the question for the ${question}`, async () => {
    await using registry = await TestRegistry.start();
    registry.guard = basicGuard("bob", PASSWORD);
    using user = new TestUser();
    await using larder = await onTerminal(user, ["login", registry.host]);
    await larder.said("User name:");
    if (name !== "") {
      await larder.type(`${name}\r`);
      await larder.said("Password:");
    }
    await larder.type("\x04");
    const { code, stderr } = await larder.result;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /^error: the login was cancelled: nothing was stored /m);
    assert.equal(stored(user), undefined);
  });
}
