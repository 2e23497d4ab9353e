import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { held, html, redirect, status } from "../support/registry/faults.ts";
import type { Guard } from "../support/registry/faulty_server.ts";
import { basicGuard, TestRegistry } from "../support/registry/test_registry.ts";
import { TokenServer } from "../support/registry/token_server.ts";

const NAME = "alice";
const PASSWORD = "correct-horse-battery";
const IDENTITY = "identity-token-0123456789";
const LAYERS = [1, 2, 3].map((number) => blob(randomBytes(1024, `layer ${number}`)));
const APP = image(LAYERS);

/** Writes Docker's `config.json` with a user name and a password, as `docker login` does. */
function writeDockerConfig(user: TestUser, host: string, password = PASSWORD): void {
  const auth = btoa(`${NAME}:${password}`);
  user.write(".docker/config.json", { auths: { [host]: { auth } } });
}

/** Checks that no secret is in larder's output or cache. */
function assertNoSecrets(user: TestUser, result: Result, secrets: readonly string[]): void {
  const texts = [result.stdout, result.stderr];
  for (const path of filesBelow(user.registry)) texts.push(Deno.readTextFileSync(path));
  for (const secret of [...secrets, ...secrets.map((secret) => btoa(`${NAME}:${secret}`))]) {
    for (const text of texts) assert.ok(!text.includes(secret), `${secret} is in: ${text}`);
  }
}

async function pullGood(user: TestUser, reference: string): Promise<Result> {
  const result = await user.larder(["pull", "--verbose", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${reference}@${APP.descriptor.digest}\n`);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}

Deno.test("pull answers a Basic challenge with the user's credentials", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  registry.guard = basicGuard(NAME, PASSWORD);
  const reference = registry.add("app", APP, "v1");
  writeDockerConfig(user, registry.host);
  assertNoSecrets(user, await pullGood(user, reference), [PASSWORD]);
  const refused = registry.requests().filter(({ status }) => status === 401);
  assert.equal(refused.length, 1, "the credentials were not reused for later requests");
});

Deno.test("pull answers a Bearer challenge with a token that it requests once", async (t) => {
  const cases: [string, Parameters<TokenServer["guard"]>[0], "token" | "access_token"][] = [
    ["with a scope", { withScope: true }, "token"],
    ["without a scope", { withScope: false }, "token"],
    ["in access_token", { withScope: true }, "access_token"],
  ];
  for (const [name, guard, member] of cases) {
    for (const anonymous of [true, false]) {
      await t.step(`${name}, ${anonymous ? "anonymous" : "with a password"}`, async () => {
        const users = anonymous ? {} : { users: { [NAME]: PASSWORD } };
        await using tokens = await TokenServer.start({ member, ...users });
        await using registry = await TestRegistry.start();
        using user = new TestUser();
        registry.guard = tokens.guard(guard);
        if (!anonymous) writeDockerConfig(user, registry.host);
        const result = await pullGood(user, registry.add("app", APP, "v1"));
        assertNoSecrets(user, result, [PASSWORD, ...tokens.issued]);
        assert.equal(tokens.requests().length, 1);
        assert.equal(tokens.requests()[0]!.query.get("scope"), "repository:app:pull");
      });
    }
  }
});

/** Shows private names only to users with a password, and to others 404 or 403 without a challenge. */
function hidingGuard(status: 403 | 404, baseStatus: 200 | 401): Guard {
  return (request) => {
    const challenge = basicGuard(NAME, PASSWORD)(request);
    if (request.path === "/v2/") return baseStatus === 401 ? challenge : undefined;
    return challenge && request.path.includes("/private/")
      ? { status, headers: {}, body: new Uint8Array() }
      : undefined;
  };
}

Deno.test("pull finds names that a registry hides from anonymous users", async (t) => {
  for (const [status, baseStatus] of [[404, 401], [403, 401], [404, 200], [403, 200]] as const) {
    await t.step(`${status}, and ${baseStatus} for /v2/`, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      registry.guard = hidingGuard(status, baseStatus);
      const open = registry.add("open/app", APP, "v1");
      const reference = registry.add("private/app", APP, "v1");

      const anonymous = await user.larder(["pull", reference]);
      assert.equal(anonymous.code, status === 404 ? 3 : 4, anonymous.stderr);
      await pullGood(user, open);
      assert.equal(registry.requests(/ \/v2\/$/).length, 0, "a request that nothing needs");

      writeDockerConfig(user, registry.host);
      registry.clearLog();
      assertNoSecrets(user, await pullGood(user, reference), [PASSWORD]);
      assert.equal(registry.requests(/ \/v2\/$/).length, 1);
      const unknown = `${registry.host}/private/unknown:v1`;
      assert.equal((await user.larder(["pull", unknown])).code, 3);
    });
  }
});

Deno.test("pull asks for its own repository if a challenge names another one", async () => {
  await using tokens = await TokenServer.start({ users: { [NAME]: PASSWORD } });
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const guard = tokens.guard();
  registry.guard = (request) => {
    const answer = guard(request);
    const challenge = answer?.headers["WWW-Authenticate"];
    return challenge
      ? {
        ...answer,
        headers: { "WWW-Authenticate": challenge.replace(":app:", ":user/image:") },
      } as typeof answer
      : answer;
  };
  writeDockerConfig(user, registry.host);
  await pullGood(user, registry.add("app", APP, "v1"));
});

Deno.test("pull exchanges an identity token for a Bearer token", async () => {
  await using tokens = await TokenServer.start({ identityTokens: [IDENTITY] });
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  registry.guard = tokens.guard();
  const auths = { [registry.host]: { auth: btoa("<token>:"), identitytoken: IDENTITY } };
  user.write(".docker/config.json", { auths });
  const result = await pullGood(user, registry.add("app", APP, "v1"));
  assertNoSecrets(user, result, [IDENTITY, ...tokens.issued]);
  assert.deepEqual(tokens.requests().map(({ method }) => method), ["POST"]);
});

Deno.test("pull requests one token per repository", async () => {
  await using tokens = await TokenServer.start();
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  registry.guard = tokens.guard();
  const references = ["a", "b"].map((name) => registry.add(name, APP, "v1"));
  const result = await user.larder(["pull", ...references]);
  assert.equal(result.code, 0, result.stderr);
  const scopes = tokens.requests().map(({ query }) => query.get("scope"));
  assert.deepEqual(scopes, ["repository:a:pull", "repository:b:pull"]);
});

Deno.test("pull renews a token that expires between two requests", async (t) => {
  for (const expiredStatus of [401, 403] as const) {
    await t.step(`the registry says ${expiredStatus}`, async () => {
      await using tokens = await TokenServer.start();
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      registry.guard = tokens.guard({ expiredStatus });
      const gate = new Gate();
      registry.fail(`/blobs/${LAYERS[1]!.descriptor.digest}`, held(gate), 1);
      const reference = registry.add("app", APP, "v1");
      await using running = user.spawn(["pull", "--transfers", "1", reference]);
      await gate.reachedBy(running.result);
      tokens.expireAll();
      gate.open();
      const result = await running.result;
      assert.equal(result.code, 0, result.stderr);
      assert.equal(tokens.requests().length, 2);
      assertStoreSound(user.registry);
    });
  }
});

Deno.test("pull succeeds with tokens that expire at once", async () => {
  await using tokens = await TokenServer.start({ lifetime: 1 });
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  registry.guard = tokens.guard();
  await pullGood(user, registry.add("app", APP, "v1"));
});

Deno.test("pull exits with 4 and a hint without secrets if credentials are missing or wrong", async (t) => {
  const wrong = "wrong-password-123";
  const cases: [string, (user: TestUser, host: string) => void][] = [
    ["no credentials", () => {}],
    ["wrong credentials", (user, host) => writeDockerConfig(user, host, wrong)],
    ["credentials for another registry", (user) => writeDockerConfig(user, "ghcr.io")],
  ];
  for (const [name, arrange] of cases) {
    for (const kind of ["Basic", "Bearer"]) {
      await t.step(`${name}, ${kind}`, async () => {
        await using tokens = await TokenServer.start({ users: { [NAME]: PASSWORD } });
        await using registry = await TestRegistry.start();
        using user = new QuickUser();
        registry.guard = kind === "Basic" ? basicGuard(NAME, PASSWORD) : tokens.guard();
        arrange(user, registry.host);
        const result = await user.larder(["pull", "-v", registry.add("app", APP, "v1")]);
        assert.equal(result.code, 4, result.stderr);
        assert.match(result.stderr, /^error: .*\[LDR_UNAUTHORIZED\]\nhint: .*larder login/m);
        assertNoSecrets(user, result, [PASSWORD, wrong]);
        assert.ok(registry.requests().length <= 3, "too many requests");
      });
    }
  }
});

Deno.test("pull exits with 4 after at most four requests if no token is accepted", async (t) => {
  const cases: [string, Guard][] = [
    [
      "a challenge that no token satisfies",
      ({ path }) => path === "/v2/" ? undefined : refused(401),
    ],
    ["403 whatever the token", ({ headers }) => refused(headers.has("authorization") ? 403 : 401)],
  ];
  await using tokens = await TokenServer.start();
  const refused = (status: number) => ({
    status,
    headers: { "WWW-Authenticate": `Bearer realm="${tokens.realm}",service="x"` },
    body: new Uint8Array(),
  });
  for (const [name, guard] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      registry.guard = guard;
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assert.equal(result.code, 4, result.stderr);
      assert.ok(registry.requests().length <= 4, "too many requests");
    });
  }
});

Deno.test("pull maps a failure of the token server to an exit code", async (t) => {
  const cases = [
    ["a web page", html, 1, "LDR_BAD_RESPONSE"],
    ["always 500", status(500, { "Retry-After": "0" }), 6, "LDR_SERVER_ERROR"],
    ["404", status(404), 1, "LDR_BAD_RESPONSE"],
  ] as const;
  for (const [name, fault, code, error] of cases) {
    await t.step(name, async () => {
      await using server = await TestRegistry.start();
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      server.fail("/token", fault);
      registry.guard = () => ({
        status: 401,
        headers: { "WWW-Authenticate": `Bearer realm="http://${server.host}/token"` },
        body: new Uint8Array(),
      });
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, new RegExp(`\\[${error}\\]`));
    });
  }
});

Deno.test("pull sends no Authorization header when a blob redirects to another host", async () => {
  await using registry = await TestRegistry.start();
  await using storage = await TestRegistry.start();
  using user = new TestUser();
  registry.guard = basicGuard(NAME, PASSWORD);
  const reference = registry.add("app", APP, "v1");
  storage.add("app", APP);
  registry.fail("/blobs/", redirect(`http://${storage.host}`));
  writeDockerConfig(user, registry.host);
  await pullGood(user, reference);
  assert.equal(storage.requests("GET").length, APP.blobs.length);
  for (const { headers } of storage.requests()) assert.equal(headers.get("authorization"), null);
});

Deno.test("pull sends no Authorization header when a redirect leads back to the registry", async () => {
  await using registry = await TestRegistry.start();
  await using between = await TestRegistry.start();
  using user = new QuickUser();
  registry.guard = ({ path, headers }) =>
    path.startsWith("/back") ? undefined : basicGuard(NAME, PASSWORD)({ headers } as never);
  for (const { descriptor, bytes } of APP.blobs) {
    registry.addFile(`/back/${descriptor.digest}`, bytes);
  }
  registry.fail("/v2/app/blobs/", (_, request) => ({
    status: 302,
    headers: { Location: `http://${between.host}${request.path}` },
    body: new Uint8Array(),
  }));
  between.fail("/blobs/", (_, request) => ({
    status: 302,
    headers: { Location: `http://${registry.host}/back/${request.path.split("/").at(-1)}` },
    body: new Uint8Array(),
  }));
  writeDockerConfig(user, registry.host);
  await pullGood(user, registry.add("app", APP, "v1"));
  for (const { headers } of [...between.requests(), ...registry.requests("/back/")]) {
    assert.equal(headers.get("authorization"), null);
  }
});

Deno.test("pull does not send the registry's credentials to a storage host", async () => {
  await using registry = await TestRegistry.start();
  await using storage = await TestRegistry.start();
  using user = new QuickUser();
  storage.guard = basicGuard(NAME, PASSWORD);
  storage.add("app", APP);
  const reference = registry.add("app", APP, "v1");
  registry.fail("/blobs/", redirect(`http://${storage.host}`));
  writeDockerConfig(user, registry.host);
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 4, result.stderr);
  for (const { headers } of storage.requests()) assert.equal(headers.get("authorization"), null);
});

Deno.test("pull does not print secrets in the URL of a redirect", async () => {
  await using registry = await TestRegistry.start();
  await using storage = await TestRegistry.start();
  using user = new TestUser();
  const signature = "c2lnbmF0dXJlLW9mLXRoZS11cmw";
  storage.fail("/", status(403));
  registry.fail(
    "/blobs/",
    redirect(`http://${storage.host}`, `/x?X-Amz-Signature=${signature}&sig=${signature}`),
  );
  const result = await user.larder(["pull", "--verbose", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 4, result.stderr);
  assertNoSecrets(user, result, [signature]);
});

Deno.test("pull does not print credentials that the registry's error repeats", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  writeDockerConfig(user, registry.host);
  registry.guard = ({ headers }) => {
    const challenge = basicGuard(NAME, PASSWORD)({ headers } as never);
    const told = JSON.stringify({
      errors: [{ code: "DENIED", message: `${PASSWORD} ${headers.get("authorization")}` }],
    });
    return challenge ?? { status: 403, headers: {}, body: new TextEncoder().encode(told) };
  };
  const result = await user.larder(["pull", "--verbose", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 4, result.stderr);
  assertNoSecrets(user, result, [PASSWORD]);
});
