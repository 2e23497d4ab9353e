import assert from "node:assert/strict";
import { hasCode, LarderError } from "../../src/base/errors.ts";
import { redact, REDACTED } from "../../src/base/redact.ts";
import { Authenticator } from "../../src/registry/auth.ts";
import type { Refusal } from "../../src/registry/client.ts";
import type { Credential } from "../../src/registry/credentials.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../src/registry/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";

const REALM = "https://auth.test/token";
const BEARER = `Bearer realm="${REALM}",service="registry.test",scope="repository:team/app:pull"`;
const BASIC = 'Basic realm="registry"';
const BOB: Credential = { username: "bob", password: "s3cret-word", source: "/home/bob/auth.json" };
const IDENTITY: Credential = { identityToken: "refresh-me", source: "/home/bob/config.json" };

type Reply = (request: HttpRequest, count: number) => Response | Promise<Response>;

/** A token server in memory; the token of its n-th answer is `token-n`. */
class TokenEndpoint implements Transport {
  readonly requests: HttpRequest[] = [];
  readonly #reply: Reply;

  constructor(reply: Reply = (_, count) => Response.json({ token: `token-${count}` })) {
    this.#reply = reply;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    return await this.#reply(request, this.requests.length);
  }
}

interface Options {
  readonly reply?: Reply;
  readonly credential?: Credential;
  readonly insecure?: boolean;
}

function setUp(options: Options = {}) {
  const endpoint = new TokenEndpoint(options.reply);
  const clock = new FakeClock();
  const lookups: string[] = [];
  const auth = new Authenticator({
    transport: endpoint,
    clock,
    insecure: options.insecure,
    credentials: {
      find(registry, repository) {
        lookups.push(`${registry}/${repository ?? ""}`);
        return Promise.resolve(options.credential);
      },
    },
  });
  return { auth, clock, endpoint, lookups };
}

function refusal(changes: Partial<Refusal> & { challenge?: string } = {}): Refusal {
  const { challenge = BEARER, registry = "registry.test", ...rest } = changes;
  return {
    registry,
    repository: "team/app",
    url: new URL(`https://${registry}/v2/team/app/manifests/v1`),
    headers: new Headers(challenge ? { "www-authenticate": challenge } : {}),
    status: 401,
    sent: undefined,
    ...rest,
  };
}

async function failureOf(promise: Promise<unknown>): Promise<LarderError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof LarderError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}

function query(request: HttpRequest): Record<string, string[]> {
  const { searchParams } = request.url;
  return Object.fromEntries([...searchParams.keys()].map((k) => [k, searchParams.getAll(k)]));
}

Deno.test("nothing is known, asked or looked up before a registry asks", () => {
  const { auth, endpoint, lookups } = setUp({ credential: BOB });
  assert.equal(auth.current("registry.test", "team/app"), undefined);
  assert.deepEqual([endpoint.requests, lookups], [[], []]);
});

Deno.test("Basic: the password is sent as it is, and known from then on", async () => {
  const { auth, endpoint } = setUp({ credential: BOB });
  const value = await auth.answer(refusal({ challenge: BASIC }));
  assert.equal(value, `Basic ${btoa("bob:s3cret-word")}`);
  assert.equal(auth.current("registry.test", "team/app"), value);
  assert.equal(auth.current("registry.test", "team/other"), undefined);
  assert.equal(auth.current("other.test", "team/app"), undefined);
  assert.deepEqual(endpoint.requests, []);
});

Deno.test("Basic: names and passwords are UTF-8, and a password may have colons", async () => {
  const credential = { username: "jörg", password: "a:b→c", source: "here" };
  const { auth } = setUp({ credential });
  const value = await auth.answer(refusal({ challenge: BASIC }));
  const bytes = Uint8Array.fromBase64(value.slice("Basic ".length));
  assert.equal(new TextDecoder().decode(bytes), "jörg:a:b→c");
});

Deno.test("Basic: wrong credentials fail, and the message has no secret", async () => {
  const { auth } = setUp({ credential: BOB });
  const sent = await auth.answer(refusal({ challenge: BASIC }));
  const error = await failureOf(auth.answer(refusal({ challenge: BASIC, sent })));
  assert.equal(error.code, "LDR_UNAUTHORIZED");
  assert.equal(error.exitCode, 4);
  for (const part of ["registry.test", "bob", "/home/bob/auth.json"]) {
    assert(error.message.includes(part), error.message);
  }
  assert(!`${error.message} ${error.hint}`.includes("s3cret-word"));
});

Deno.test("no credentials where some are needed: the hint says how to log in", async () => {
  const { auth } = setUp();
  const error = await failureOf(auth.answer(refusal({ challenge: BASIC })));
  assert.equal(error.code, "LDR_UNAUTHORIZED");
  assert(error.hint.includes("larder login registry.test"));
});

Deno.test("a 401 without a challenge that larder knows fails", async () => {
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
    const error = await failureOf(auth.answer(refusal({ challenge })));
    assert.equal(error.code, "LDR_UNAUTHORIZED", challenge);
    assert.match(error.hint, /proxies/);
  }
});

Deno.test("another server's challenge is not answered", async () => {
  const { auth, endpoint, lookups } = setUp({ credential: BOB });
  for (const url of ["https://cdn.test/blob", "https://registry.test:444/blob"]) {
    const error = await failureOf(auth.answer(refusal({ url: new URL(url) })));
    assert.equal(error.code, "LDR_UNAUTHORIZED");
  }
  assert.deepEqual([endpoint.requests, lookups], [[], []]);
});

Deno.test("Docker Hub's API stands at another host than its name", async () => {
  const { auth } = setUp();
  const url = new URL("https://registry-1.docker.io/v2/library/nginx/manifests/latest");
  assert.equal(await auth.answer(refusal({ registry: "docker.io", url })), "Bearer token-1");
});

Deno.test("Bearer: an anonymous token for what the challenge asks", async () => {
  const { auth, endpoint } = setUp();
  assert.equal(await auth.answer(refusal()), "Bearer token-1");
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

Deno.test("Bearer: the password goes to the token server, the token to the registry", async () => {
  const { auth, endpoint } = setUp({ credential: BOB });
  assert.equal(await auth.answer(refusal()), "Bearer token-1");
  assert.equal(endpoint.requests[0]!.headers.authorization, `Basic ${btoa("bob:s3cret-word")}`);
});

Deno.test("Bearer: scopes", async () => {
  const cases: [challenge: string, repository: string | undefined, scopes: string[] | undefined][] =
    [
      [`Bearer realm="${REALM}"`, "team/app", ["repository:team/app:pull"]],
      [`Bearer realm="${REALM}"`, undefined, undefined],
      [`Bearer realm="${REALM}",scope=""`, "team/app", ["repository:team/app:pull"]],
      [`Bearer realm="${REALM}",scope="b:c:d  a:b:c b:c:d"`, "team/app", ["a:b:c", "b:c:d"]],
    ];
  for (const [challenge, repository, scopes] of cases) {
    const { auth, endpoint } = setUp();
    await auth.answer(refusal({ challenge, repository }));
    assert.deepEqual(query(endpoint.requests[0]!).scope, scopes, challenge);
  }
});

Deno.test("Bearer: the realm's own query stays", async () => {
  const { auth, endpoint } = setUp();
  await auth.answer(refusal({ challenge: `Bearer realm="${REALM}?tenant=7",service="s"` }));
  assert.deepEqual(query(endpoint.requests[0]!).tenant, ["7"]);
});

Deno.test("Bearer is answered before Basic, and Basic where Bearer cannot be", async () => {
  const { auth } = setUp({ credential: BOB });
  assert.match(await auth.answer(refusal({ challenge: `${BASIC}, ${BEARER}` })), /^Bearer/);
  assert.match(await auth.answer(refusal({ challenge: `Bearer realm="", ${BASIC}` })), /^Basic/);
});

Deno.test("tokens are shared by what may share them, and by nothing else", async () => {
  const { auth, endpoint } = setUp();
  const bare = `Bearer realm="${REALM}",scope="registry:catalog:*"`;
  const steps: [Partial<Refusal> & { challenge?: string }, token: string][] = [
    [{ challenge: bare }, "token-1"],
    [{ challenge: bare, repository: "team/other" }, "token-1"],
    [{ challenge: bare, registry: "two.test" }, "token-2"],
    [{ challenge: bare.replace("catalog", "other") }, "token-3"],
    [{ challenge: bare.replace("auth.test", "auth2.test") }, "token-4"],
    [{ challenge: `${bare},service="s"` }, "token-5"],
  ];
  for (const [changes, token] of steps) {
    assert.equal(await auth.answer(refusal(changes)), `Bearer ${token}`);
  }
  assert.equal(endpoint.requests.length, 5);
});

Deno.test("tokens are not shared by two identities", async () => {
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
  const first = await auth.answer(refusal({ challenge, repository: "team/secret" }));
  const second = await auth.answer(refusal({ challenge, repository: "team/open" }));
  assert.notEqual(first, second);
});

Deno.test("however many are refused at once, one asks for the token", async () => {
  const gate = Promise.withResolvers<void>();
  const { auth, endpoint } = setUp({
    reply: async (_, count) => {
      await gate.promise;
      return Response.json({ token: `token-${count}` });
    },
  });
  const answers = Array.from({ length: 16 }, () => auth.answer(refusal()));
  gate.resolve();
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["Bearer token-1"]));
  assert.equal(endpoint.requests.length, 1);
});

Deno.test("who is interrupted leaves alone; the last one ends the request", async () => {
  const seen: AbortSignal[] = [];
  const { auth } = setUp({
    reply: ({ signal }) => {
      seen.push(signal!);
      return new Promise(() => {});
    },
  });
  const stops = [new AbortController(), new AbortController()];
  const answers = stops.map(({ signal }) => failureOf(auth.answer(refusal(), signal)));
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(seen.length, 1);
  stops[0]!.abort();
  assert.equal((await answers[0]!).code, "LDR_INTERRUPTED");
  assert.equal(seen[0]!.aborted, false);
  stops[1]!.abort();
  assert.equal((await answers[1]!).code, "LDR_INTERRUPTED");
  assert.equal(seen[0]!.aborted, true);
});

Deno.test("a token is used until shortly before it expires", async () => {
  const start = Date.UTC(2026, 0, 31, 12);
  const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
  const cases: [name: string, answer: object, goodFor: number][] = [
    ["sixty seconds where nothing is said", {}, 50],
    ["what the server says", { expires_in: 300 }, 290],
    ["from when it was issued", { expires_in: 300, issued_at: at(-100) }, 190],
    ["half its life where that is short", { expires_in: 4 }, 2],
    ["a server whose clock runs ahead", { expires_in: 300, issued_at: at(5000) }, 290],
    ["a server whose clock is far behind", { expires_in: 300, issued_at: at(-5000) }, 290],
    ["rubbish counts as unsaid", { expires_in: "soon", issued_at: "then" }, 50],
    ["nothing and less count as unsaid", { expires_in: -1 }, 50],
    ["null counts as unsaid", { expires_in: null, issued_at: null }, 50],
  ];
  for (const [name, answer, goodFor] of cases) {
    const { auth, clock } = setUp({ reply: () => Response.json({ token: "t0ken", ...answer }) });
    await auth.answer(refusal());
    clock.time = start + goodFor * 1000 - 1;
    assert.equal(auth.current("registry.test", "team/app"), "Bearer t0ken", name);
    clock.time++;
    assert.equal(auth.current("registry.test", "team/app"), undefined, name);
  }
});

Deno.test("an expired token is replaced, however often, during a long pull", async () => {
  const { auth, clock, endpoint } = setUp();
  for (let i = 1; i <= 20; i++) {
    assert.equal(auth.current("registry.test", "team/app"), undefined);
    assert.equal(await auth.answer(refusal()), `Bearer token-${i}`);
    clock.time += 60_000;
  }
  assert.equal(endpoint.requests.length, 20);
});

for (const status of [401, 403]) {
  Deno.test(`a token rejected with ${status} is renewed once; then the refusal is final`, async () => {
    const { auth, endpoint } = setUp({ credential: BOB });
    // The 403 of registries whose tokens expire early has no challenge.
    const challenge = status === 403 ? "" : BEARER;
    const first = await auth.answer(refusal());
    const second = await auth.answer(refusal({ status, challenge, sent: first }));
    assert.deepEqual([first, second], ["Bearer token-1", "Bearer token-2"]);
    assert.equal(auth.current("registry.test", "team/app"), second);

    // A straggler that was sent with the old one gets the new one.
    assert.equal(await auth.answer(refusal({ status, challenge, sent: first })), second);
    assert.equal(endpoint.requests.length, 2);

    const error = await failureOf(auth.answer(refusal({ status, challenge, sent: second })));
    assert.equal(error.code, status === 403 ? "LDR_FORBIDDEN" : "LDR_UNAUTHORIZED");
    assert.match(error.message, /registry\.test\/team\/app.*bob/);
    assert.equal(endpoint.requests.length, 2);
    assert.equal(auth.current("registry.test", "team/app"), undefined);
  });
}

Deno.test("every straggler fails on a renewed token that was rejected", async () => {
  const { auth, endpoint } = setUp();
  const first = await auth.answer(refusal());
  const sent = await auth.answer(refusal({ sent: first }));
  for (let i = 0; i < 3; i++) {
    const error = await failureOf(auth.answer(refusal({ sent })));
    assert(error.hint.includes("larder login registry.test"), error.hint);
  }
  assert.equal(endpoint.requests.length, 2);
});

Deno.test("a renewed token that did its work for a while is renewed again", async () => {
  const { auth, clock } = setUp({
    reply: (_, count) => Response.json({ token: `token-${count}`, expires_in: 3600 }),
  });
  let sent = await auth.answer(refusal());
  for (let i = 2; i < 6; i++) {
    clock.time += 20_000;
    sent = await auth.answer(refusal({ sent }));
    assert.equal(sent, `Bearer token-${i}`);
  }
});

Deno.test("whatever a registry answers, asking comes to an end", async () => {
  const challenges = [BASIC, BEARER, BEARER.replace("app:pull", "app:push")];
  for (const [a, b] of challenges.flatMap((a) => challenges.map((b) => [a, b]))) {
    const { auth } = setUp({ credential: BOB });
    let sent: string | undefined;
    let rounds = 0;
    const error = await failureOf((async () => {
      for (; rounds < 10; rounds++) {
        sent = await auth.answer(refusal({ sent, challenge: rounds % 2 ? b! : a! }));
      }
    })());
    assert(hasCode(error, "LDR_UNAUTHORIZED"), error.message);
    assert(rounds <= 3, `${rounds} rounds of ${a} and ${b}`);
  }
});

Deno.test("403 without anything sent, and with Basic, is final", async () => {
  const { auth } = setUp({ credential: BOB });
  const anonymous = await failureOf(auth.answer(refusal({ status: 403, challenge: "" })));
  assert.equal(anonymous.code, "LDR_FORBIDDEN");
  const sent = await auth.answer(refusal({ challenge: BASIC }));
  const known = await failureOf(auth.answer(refusal({ status: 403, challenge: "", sent })));
  assert.equal(known.code, "LDR_FORBIDDEN");
  assert.match(known.message, /bob/);
});

Deno.test("a password that a helper has changed meanwhile is tried", async () => {
  let password = "expired-word";
  const auth = new Authenticator({
    transport: new TokenEndpoint(),
    clock: new FakeClock(),
    credentials: { find: () => Promise.resolve({ username: "AWS", password, source: "helper" }) },
  });
  const sent = await auth.answer(refusal({ challenge: BASIC }));
  password = "renewed-word";
  const renewed = await auth.answer(refusal({ status: 403, challenge: "", sent }));
  assert.equal(renewed, `Basic ${btoa("AWS:renewed-word")}`);
});

Deno.test("identity token: POST as OAuth2 has it", async () => {
  const { auth, endpoint } = setUp({
    credential: IDENTITY,
    reply: () => Response.json({ access_token: "from-oauth" }),
  });
  assert.equal(await auth.answer(refusal()), "Bearer from-oauth");
  const [request] = endpoint.requests;
  assert.equal(request!.method, "POST");
  assert.equal(request!.url.href, REALM);
  assert.equal(request!.headers["content-type"], "application/x-www-form-urlencoded");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(request!.body)), {
    grant_type: "refresh_token",
    service: "registry.test",
    client_id: "larder",
    scope: "repository:team/app:pull",
    refresh_token: "refresh-me",
  });
});

for (const status of [404, 405]) {
  Deno.test(`identity token: GET where POST is answered ${status}`, async () => {
    const { auth, endpoint } = setUp({
      credential: { ...IDENTITY, username: "00000000-0000-0000-0000-000000000000" },
      reply: ({ method }) =>
        method === "POST" ? new Response(null, { status }) : Response.json({ token: "from-get" }),
    });
    assert.equal(await auth.answer(refusal()), "Bearer from-get");
    assert.deepEqual(endpoint.requests.map(({ method }) => method), ["POST", "GET"]);
    const expected = btoa("00000000-0000-0000-0000-000000000000:refresh-me");
    assert.equal(endpoint.requests[1]!.headers.authorization, `Basic ${expected}`);
  });
}

Deno.test("identity token: it cannot answer a registry that wants a password", async () => {
  const { auth } = setUp({ credential: IDENTITY });
  const error = await failureOf(auth.answer(refusal({ challenge: BASIC })));
  assert.equal(error.code, "LDR_UNAUTHORIZED");
  assert.match(error.message, /\/home\/bob\/config\.json/);
});

Deno.test("registry token: sent as it is, and final if rejected", async () => {
  const { auth, endpoint } = setUp({ credential: { registryToken: "abcdef", source: "f" } });
  const sent = await auth.answer(refusal());
  assert.equal(sent, "Bearer abcdef");
  assert.equal((await failureOf(auth.answer(refusal({ sent })))).code, "LDR_UNAUTHORIZED");
  assert.deepEqual(endpoint.requests, []);
});

Deno.test("what token servers answer", async () => {
  const big = "x".repeat(2 * 1024 * 1024);
  const cases: [name: string, reply: Reply, expected: string | [code: string, text: RegExp]][] = [
    ["token", () => Response.json({ token: "tttt" }), "Bearer tttt"],
    ["access_token", () => Response.json({ access_token: "aaaa" }), "Bearer aaaa"],
    ["both", () => Response.json({ token: "tttt", access_token: "aaaa" }), "Bearer tttt"],
    ["an empty one", () => Response.json({ token: "", access_token: "aaaa" }), "Bearer aaaa"],
    ["none", () => Response.json({ expires_in: 60 }), ["LDR_BAD_RESPONSE", /no token/]],
    ["null", () => Response.json(null), ["LDR_BAD_RESPONSE", /no token/]],
    ["a number", () => Response.json({ token: 5 }), ["LDR_BAD_RESPONSE", /no token/]],
    ["a line break", () => Response.json({ token: "a\nb" }), ["LDR_BAD_RESPONSE", /no token/]],
    ["HTML", () => new Response("<html>hello"), ["LDR_BAD_RESPONSE", /not JSON/]],
    ["nothing", () => new Response(""), ["LDR_BAD_RESPONSE", /not JSON/]],
    ["too much", () => Response.json({ token: big }), ["LDR_BAD_RESPONSE", /more than 1\.00 MiB/]],
    ["404", () => new Response(null, { status: 404 }), ["LDR_BAD_RESPONSE", /auth\.test.*404/]],
    ["a redirect", () => new Response(null, { status: 307 }), ["LDR_BAD_RESPONSE", /auth\.test/]],
    ["429", () => new Response(null, { status: 429 }), ["LDR_RATE_LIMITED", /auth\.test/]],
    ["503", () => new Response(null, { status: 503 }), ["LDR_SERVER_ERROR", /auth\.test/]],
  ];
  for (const [name, reply, expected] of cases) {
    const { auth } = setUp({ reply });
    if (typeof expected === "string") {
      assert.equal(await auth.answer(refusal()), expected, name);
    } else {
      const error = await failureOf(auth.answer(refusal()));
      assert.equal(error.code, expected[0], name);
      assert.match(error.message, expected[1], name);
      assert.equal(error.cause, undefined, "a cause may quote what was sent");
    }
  }
});

Deno.test("a token server that fails is asked again the next time", async () => {
  const { auth } = setUp({
    reply: (_, count) =>
      count === 1 ? new Response(null, { status: 503 }) : Response.json({ token: "good" }),
  });
  assert.equal((await failureOf(auth.answer(refusal()))).code, "LDR_SERVER_ERROR");
  assert.equal(await auth.answer(refusal()), "Bearer good");
});

Deno.test("what token servers answer to wrong credentials, and to none", async () => {
  const cases: [status: number, credential: Credential | undefined, code: string][] = [
    [401, BOB, "LDR_UNAUTHORIZED"],
    [403, BOB, "LDR_FORBIDDEN"],
    [401, undefined, "LDR_UNAUTHORIZED"],
    [403, undefined, "LDR_FORBIDDEN"],
    [400, IDENTITY, "LDR_UNAUTHORIZED"],
    [400, undefined, "LDR_BAD_RESPONSE"],
  ];
  for (const [status, credential, code] of cases) {
    const { auth } = setUp({
      ...credential && { credential },
      reply: () => new Response("s3cret-word", { status }),
    });
    const error = await failureOf(auth.answer(refusal()));
    assert.equal(error.code, code, `${status}`);
    assert(!error.message.includes("s3cret-word"));
    if (credential) assert(error.message.includes(credential.source), error.message);
    else if (status !== 400) assert(error.hint.includes("larder login registry.test"));
  }
});

Deno.test("where credentials may go", async () => {
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
      const answer = auth.answer(refusal({ registry: url.host, url, challenge }));
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

Deno.test("an anonymous token may come over plain HTTP: there is nothing to give away", async () => {
  const { auth } = setUp();
  const challenge = 'Bearer realm="http://auth.test/t"';
  assert.equal(await auth.answer(refusal({ challenge })), "Bearer token-1");
});

Deno.test("tokens and what they were got with are taken out of every message", async () => {
  const credential = { username: "bob", password: "hidden-pass", source: "f" };
  const { auth } = setUp({ credential, reply: () => Response.json({ token: "hidden-token" }) });
  await auth.answer(refusal());
  assert.equal(redact("x hidden-token"), `x ${REDACTED}`);
  assert.equal(redact(`x ${btoa("bob:hidden-pass")}`), `x ${REDACTED}`);
});
