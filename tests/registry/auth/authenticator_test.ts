import assert from "node:assert/strict";
import { redact, REDACTED } from "../../../src/base/redact.ts";
import { Authenticator } from "../../../src/registry/auth/authenticator.ts";
import type { DeniedRequest } from "../../../src/registry/client.ts";
import type { Credential } from "../../../src/registry/credentials/credential.ts";
import type { HttpRequest } from "../../../src/registry/http/transport.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import {
  BASIC,
  BEARER,
  BOB,
  denied,
  IDENTITY,
  REALM,
  setUp,
  TokenEndpoint,
} from "../../support/registry/auth_setup.ts";

function query(request: HttpRequest): Record<string, string[]> {
  const { searchParams } = request.url;
  return Object.fromEntries([...searchParams.keys()].map((k) => [k, searchParams.getAll(k)]));
}

Deno.test("Authenticator does nothing before a denied request", () => {
  const { auth, endpoint, lookups } = setUp({ credential: BOB });
  assert.equal(auth.current("registry.test", "team/app"), undefined);
  assert.deepEqual([endpoint.requests, lookups], [[], []]);
});

Deno.test("Authenticator answers Basic with the password and remembers it", async () => {
  const { auth, endpoint } = setUp({ credential: BOB });
  const value = await auth.authorize(denied({ challenge: BASIC }));
  assert.equal(value, `Basic ${btoa("bob:s3cret-word")}`);
  assert.equal(auth.current("registry.test", "team/app"), value);
  assert.equal(auth.current("registry.test", "team/other"), undefined);
  assert.equal(auth.current("other.test", "team/app"), undefined);
  assert.deepEqual(endpoint.requests, []);
});

Deno.test("Authenticator encodes Basic in UTF-8, with colons in the password", async () => {
  const credential = { username: "jörg", password: "a:b→c", source: "here" };
  const { auth } = setUp({ credential });
  const value = await auth.authorize(denied({ challenge: BASIC }));
  const bytes = Uint8Array.fromBase64(value.slice("Basic ".length));
  assert.equal(new TextDecoder().decode(bytes), "jörg:a:b→c");
});

Deno.test("Authenticator fails for wrong Basic credentials without showing the password", async () => {
  const { auth } = setUp({ credential: BOB });
  const sent = await auth.authorize(denied({ challenge: BASIC }));
  const error = await failureOf(auth.authorize(denied({ challenge: BASIC, sent })));
  assert.equal(error.code, "LDR_UNAUTHORIZED");
  assert.equal(error.exitCode, 4);
  for (const part of ["registry.test", "bob", "/home/bob/auth.json"]) {
    assert(error.message.includes(part), error.message);
  }
  assert(!`${error.message} ${error.hint}`.includes("s3cret-word"));
});

Deno.test("Authenticator suggests larder login without credentials", async () => {
  const { auth } = setUp();
  const error = await failureOf(auth.authorize(denied({ challenge: BASIC })));
  assert.equal(error.code, "LDR_UNAUTHORIZED");
  assert(error.hint.includes("larder login registry.test"));
});

Deno.test("Authenticator lets the token server of a listed registry be at its host, and at no other", async () => {
  for (const [host, expected] of [["registry.test", true], ["token.test", false]] as const) {
    const challenge = `Bearer realm="https://${host}/token"`;
    const { auth, endpoint } = setUp();
    await auth.authorize(denied({ challenge, isListed: true }));
    assert.deepEqual(endpoint.requests.map(({ isListed }) => isListed), [expected]);
    await auth.authorize(denied({ challenge, repository: "team/other" }));
    assert.equal(endpoint.requests.at(-1)!.isListed, undefined);
  }
});

Deno.test("Authenticator fails for a 401 without a supported challenge", async () => {
  const { auth } = setUp({ credential: BOB });
  for (
    const challenge of [
      "",
      "Negotiate",
      "Bearer",
      'Bearer realm="/token"',
      'Bearer realm="ftp://a/"',
    ]
  ) {
    const error = await failureOf(auth.authorize(denied({ challenge })));
    assert.equal(error.code, "LDR_UNAUTHORIZED", challenge);
    assert.match(error.hint, /proxies/);
  }
});

Deno.test("Authenticator ignores the challenge of another server", async () => {
  const { auth, endpoint, lookups } = setUp({ credential: BOB });
  for (const url of ["https://cdn.test/blob", "https://registry.test:444/blob"]) {
    const error = await failureOf(auth.authorize(denied({ url: new URL(url) })));
    assert.equal(error.code, "LDR_UNAUTHORIZED");
  }
  assert.deepEqual([endpoint.requests, lookups], [[], []]);
});

Deno.test("Authenticator answers the challenge of Docker Hub's API host", async () => {
  const { auth } = setUp();
  const url = new URL("https://registry-1.docker.io/v2/library/nginx/manifests/latest");
  assert.equal(await auth.authorize(denied({ registry: "docker.io", url })), "Bearer token-1");
});

Deno.test("Authenticator requests an anonymous token for the challenge", async () => {
  const { auth, endpoint } = setUp();
  assert.equal(await auth.authorize(denied()), "Bearer token-1");
  assert.equal(auth.current("registry.test", "team/app"), "Bearer token-1");
  const [request] = endpoint.requests;
  assert.equal(request!.method, "GET");
  assert.equal(request!.url.origin + request!.url.pathname, REALM);
  assert.deepEqual(query(request!), {
    service: ["registry.test"],
    scope: ["repository:team/app:pull"],
  });
  assert.equal(request!.headers.authorization, undefined);
});

Deno.test("Authenticator sends the password to the token server and the token to the registry", async () => {
  const { auth, endpoint } = setUp({ credential: BOB });
  assert.equal(await auth.authorize(denied()), "Bearer token-1");
  assert.equal(endpoint.requests[0]!.headers.authorization, `Basic ${btoa("bob:s3cret-word")}`);
});

Deno.test("Authenticator requests the scopes of the challenge, or pull", async () => {
  const scope = (text: string) => `Bearer realm="${REALM}",scope="${text}"`;
  const cases: [challenge: string, repository: string | undefined, scopes: string[] | undefined][] =
    [
      [`Bearer realm="${REALM}"`, "team/app", ["repository:team/app:pull"]],
      [`Bearer realm="${REALM}"`, undefined, undefined],
      [`Bearer realm="${REALM}",scope=""`, "team/app", ["repository:team/app:pull"]],
      [
        `Bearer realm="${REALM}",scope="b:c:d  a:b:c b:c:d"`,
        "team/app",
        ["a:b:c", "b:c:d", "repository:team/app:pull"],
      ],
      [scope("repository:user/image:pull"), "team/app", [
        "repository:team/app:pull",
        "repository:user/image:pull",
      ]],
      [scope("repository:team/app:push,pull"), "team/app", ["repository:team/app:push,pull"]],
      [scope("repository:team/app:*"), "team/app", ["repository:team/app:*"]],
      [scope("repository:team/app:push"), "team/app", [
        "repository:team/app:pull",
        "repository:team/app:push",
      ]],
      [scope("registry:catalog:*"), undefined, ["registry:catalog:*"]],
    ];
  for (const [challenge, repository, scopes] of cases) {
    const { auth, endpoint } = setUp();
    await auth.authorize(denied({ challenge, repository }));
    assert.deepEqual(query(endpoint.requests[0]!).scope, scopes, challenge);
  }
});

Deno.test("Authenticator prefers Bearer to Basic", async () => {
  const { auth } = setUp({ credential: BOB });
  assert.match(await auth.authorize(denied({ challenge: `${BASIC}, ${BEARER}` })), /^Bearer/);
  assert.match(await auth.authorize(denied({ challenge: `Bearer realm="", ${BASIC}` })), /^Basic/);
});

Deno.test("Authenticator shares a token by registry, token server, service and scopes", async () => {
  const { auth, endpoint } = setUp();
  const bare = `Bearer realm="${REALM}",scope="registry:catalog:*"`;
  const steps: [Partial<DeniedRequest> & { challenge?: string }, token: string][] = [
    [{ challenge: bare }, "token-1"],
    [{ challenge: bare }, "token-1"],
    [{ challenge: bare, registry: "two.test" }, "token-2"],
    [{ challenge: bare.replace("catalog", "other") }, "token-3"],
    [{ challenge: bare.replace("auth.test", "auth2.test") }, "token-4"],
    [{ challenge: `${bare},service="s"` }, "token-5"],
    [{ challenge: bare, repository: "team/other" }, "token-6"],
  ];
  for (const [changes, token] of steps) {
    assert.equal(await auth.authorize(denied(changes)), `Bearer ${token}`);
  }
  assert.equal(endpoint.requests.length, 6);
});

Deno.test("Authenticator does not share a token between identities", async () => {
  const endpoint = new TokenEndpoint();
  const auth = new Authenticator({
    transport: endpoint,
    clock: new FakeClock(),
    credentials: {
      find: (_, repository) =>
        Promise.resolve(repository === "team/secret" ? BOB : { ...BOB, username: "eve" }),
    },
  });
  const challenge = `Bearer realm="${REALM}",scope="a:b:c"`;
  const first = await auth.authorize(denied({ challenge, repository: "team/secret" }));
  const second = await auth.authorize(denied({ challenge, repository: "team/open" }));
  assert.notEqual(first, second);
});

Deno.test("Authenticator sends one token request for concurrent denials", async () => {
  const gate = Promise.withResolvers<void>();
  const { auth, endpoint } = setUp({
    reply: async (_, count) => {
      await gate.promise;
      return Response.json({ token: `token-${count}` });
    },
  });
  const answers = Array.from({ length: 16 }, () => auth.authorize(denied()));
  gate.resolve();
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["Bearer token-1"]));
  assert.equal(endpoint.requests.length, 1);
});

Deno.test("Authenticator aborts a token request when the last caller is interrupted", async () => {
  const seen: AbortSignal[] = [];
  const { auth } = setUp({
    reply: ({ signal }) => {
      seen.push(signal!);
      return new Promise(() => {});
    },
  });
  const stops = [new AbortController(), new AbortController()];
  const answers = stops.map(({ signal }) => failureOf(auth.authorize(denied(), signal)));
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(seen.length, 1);
  stops[0]!.abort();
  assert.equal((await answers[0]!).code, "LDR_INTERRUPTED");
  assert.equal(seen[0]!.aborted, false);
  stops[1]!.abort();
  assert.equal((await answers[1]!).code, "LDR_INTERRUPTED");
  assert.equal(seen[0]!.aborted, true);
});

Deno.test("Authenticator fails for Basic with an identity token", async () => {
  const { auth } = setUp({ credential: IDENTITY });
  const error = await failureOf(auth.authorize(denied({ challenge: BASIC })));
  assert.equal(error.code, "LDR_UNAUTHORIZED");
  assert.match(error.message, /\/home\/bob\/config\.json/);
});

Deno.test("Authenticator sends a registry token as it is, once", async () => {
  const { auth, endpoint } = setUp({ credential: { registryToken: "abcdef", source: "f" } });
  const sent = await auth.authorize(denied());
  assert.equal(sent, "Bearer abcdef");
  assert.equal((await failureOf(auth.authorize(denied({ sent })))).code, "LDR_UNAUTHORIZED");
  assert.deepEqual(endpoint.requests, []);
});

Deno.test("Authenticator sends credentials only over secure channels", async () => {
  const identities: Credential[] = [BOB, IDENTITY];
  const bearer = (realm: string) => `Bearer realm="${realm}"`;
  const cases: [from: string, challenge: string, insecure: boolean, sent: boolean][] = [
    ["https://registry.test", BASIC, false, true],
    ["http://registry.test", BASIC, false, false],
    ["http://registry.test", BASIC, true, true],
    ["http://127.0.0.1:5000", BASIC, false, true],
    ["https://registry.test", bearer("https://auth.test/t"), false, true],
    ["https://registry.test", bearer("http://auth.test/t"), false, false],
    ["https://registry.test", bearer("http://auth.test/t"), true, false],
    ["https://registry.test", bearer("http://localhost/t"), false, false],
    ["http://registry.test", bearer("https://auth.test/t"), false, true],
    ["http://registry.test", bearer("http://auth.test/t"), false, false],
    ["http://registry.test", bearer("http://auth.test/t"), true, true],
    ["http://localhost:5000", bearer("http://127.0.0.1:5001/t"), false, true],
    ["http://localhost:5000", bearer("http://[::1]:5001/t"), false, true],
    ["http://localhost:5000", bearer("http://auth.test/t"), false, false],
    ["https://localhost:5000", bearer("http://localhost:5001/t"), false, true],
  ];
  for (const [from, challenge, insecure, allowed] of cases) {
    for (const credential of identities) {
      if (challenge === BASIC && credential === IDENTITY) continue;
      const { auth, endpoint } = setUp({ credential, insecure });
      const url = new URL("/v2/", from);
      const answer = auth.authorize(denied({ registry: url.host, url, challenge }));
      const name = `${from} ${challenge} ${insecure}`;
      if (allowed) {
        await answer;
        continue;
      }
      const error = await failureOf(answer);
      assert.equal(error.code, "LDR_UNAUTHORIZED", name);
      assert.match(error.message, /plain HTTP/, name);
      assert.deepEqual(endpoint.requests, [], name);
    }
  }
});

Deno.test("Authenticator requests an anonymous token over plain HTTP", async () => {
  const { auth } = setUp();
  const challenge = 'Bearer realm="http://auth.test/t"';
  assert.equal(await auth.authorize(denied({ challenge })), "Bearer token-1");
});

Deno.test("Authenticator registers tokens and passwords for redaction", async () => {
  const credential = { username: "bob", password: "hidden-pass", source: "f" };
  const { auth } = setUp({ credential, reply: () => Response.json({ token: "hidden-token" }) });
  await auth.authorize(denied());
  assert.equal(redact("x hidden-token"), `x ${REDACTED}`);
  assert.equal(redact(`x ${btoa("bob:hidden-pass")}`), `x ${REDACTED}`);
});
