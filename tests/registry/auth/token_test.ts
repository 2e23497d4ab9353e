import assert from "node:assert/strict";
import { requestToken, type TokenRequest } from "../../../src/registry/auth/token.ts";
import type {
  IdentityCredential,
  PasswordCredential,
} from "../../../src/registry/credentials/credential.ts";
import type { HttpRequest } from "../../../src/registry/http/transport.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const BOB: PasswordCredential = {
  username: "bob",
  password: "s3cret-word",
  source: "/home/bob/auth.json",
};
const IDENTITY: IdentityCredential = {
  identityToken: "refresh-me",
  source: "/home/bob/config.json",
};

type Reply = (request: HttpRequest) => Response;

/** Requests a token from a server with this reply. */
async function request(reply: Reply, changes: Partial<TokenRequest> = {}) {
  const clock = new FakeClock();
  const requests: HttpRequest[] = [];
  const transport = {
    send(request: HttpRequest) {
      requests.push(request);
      return Promise.resolve(reply(request));
    },
  };
  const token = await requestToken({ transport, clock }, {
    registry: "registry.test",
    repository: "team/app",
    realm: new URL("https://auth.test/token"),
    service: "registry.test",
    scopes: ["repository:team/app:pull"],
    credential: undefined,
    ...changes,
  });
  return { token, requests, goodFor: token.usableUntil - clock.now() };
}

const good: Reply = () => Response.json({ token: "good-token" });

Deno.test("requestToken sends GET with every scope and the realm's own query", async () => {
  const { requests } = await request(good, {
    realm: new URL("https://auth.test/token?tenant=7"),
    service: "a b&c",
    scopes: ["repository:a/b:pull", "repository:c/d:pull"],
  });
  const [{ method, url, headers, body }] = requests as [HttpRequest];
  assert.deepEqual([method, headers, body], ["GET", {}, undefined]);
  assert.equal(url.origin + url.pathname, "https://auth.test/token");
  assert.deepEqual([...url.searchParams], [
    ["tenant", "7"],
    ["service", "a b&c"],
    ["scope", "repository:a/b:pull"],
    ["scope", "repository:c/d:pull"],
  ]);
});

Deno.test("requestToken sends no service and no scope if there are none", async () => {
  const { requests } = await request(good, { service: undefined, scopes: [] });
  assert.equal(requests[0]!.url.href, "https://auth.test/token");
});

Deno.test("requestToken sends a password as Basic", async () => {
  const { requests } = await request(good, { credential: BOB });
  assert.equal(requests[0]!.headers.authorization, `Basic ${btoa("bob:s3cret-word")}`);
});

Deno.test("requestToken sends an identity token by POST (OAuth2)", async () => {
  const { requests } = await request(good, { credential: IDENTITY });
  const [{ method, url, headers, body }] = requests as [HttpRequest];
  assert.deepEqual([method, url.href], ["POST", "https://auth.test/token"]);
  assert.deepEqual(headers, { "content-type": "application/x-www-form-urlencoded" });
  assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "refresh_token",
    service: "registry.test",
    client_id: "larder",
    scope: "repository:team/app:pull",
    refresh_token: "refresh-me",
  });
});

for (const status of [404, 405]) {
  Deno.test(`requestToken sends an identity token by GET after POST got ${status}`, async () => {
    const { token, requests } = await request(
      (request) => request.method === "POST" ? new Response(null, { status }) : good(request),
      { credential: { ...IDENTITY, username: "00000000-0000-0000-0000-000000000000" } },
    );
    assert.equal(token.value, "good-token");
    assert.deepEqual(requests.map(({ method }) => method), ["POST", "GET"]);
    const expected = btoa("00000000-0000-0000-0000-000000000000:refresh-me");
    assert.equal(requests[1]!.headers.authorization, `Basic ${expected}`);
  });
}

/** Name, response, seconds from now at which the token was issued, and seconds for which it is used. */
const LIFETIMES: [name: string, answer: object, issued: number | undefined, goodFor: number][] = [
  ["sixty seconds by default", {}, undefined, 50],
  ["as the server says", { expires_in: 300 }, undefined, 290],
  ["from the time it was issued", { expires_in: 300 }, -100, 190],
  ["half of a short time left", { expires_in: 300 }, -296, 2],
  ["half of a short lifetime", { expires_in: 4 }, undefined, 2],
  ["in full if the server's clock is ahead", { expires_in: 300 }, 5000, 290],
  ["in full if the server's clock is far behind", { expires_in: 300 }, -5000, 290],
  ["sixty seconds for an invalid number", { expires_in: "soon", issued_at: "then" }, undefined, 50],
  ["sixty seconds for a negative number", { expires_in: -1 }, undefined, 50],
  ["sixty seconds for null", { expires_in: null, issued_at: null }, undefined, 50],
];

for (const [name, answer, issued, seconds] of LIFETIMES) {
  Deno.test(`requestToken uses a token ${name}`, async () => {
    const from = new Date(new FakeClock().now() + (issued ?? 0) * 1000).toISOString();
    const time = issued === undefined ? {} : { issued_at: from };
    const { goodFor } = await request(() => Response.json({ token: "tttt", ...time, ...answer }));
    assert.equal(goodFor, seconds * 1000);
  });
}

const VALUES: [name: string, answer: object, value: string][] = [
  ["token", { token: "tttt" }, "tttt"],
  ["access_token", { access_token: "aaaa" }, "aaaa"],
  ["both", { token: "tttt", access_token: "aaaa" }, "tttt"],
  ["an empty token", { token: "", access_token: "aaaa" }, "aaaa"],
  ["a null token", { token: null, access_token: "aaaa" }, "aaaa"],
];

for (const [name, answer, value] of VALUES) {
  Deno.test(`requestToken reads ${name}`, async () => {
    assert.equal((await request(() => Response.json(answer))).token.value, value);
  });
}

const empty = (status: number): Reply => () => new Response(null, { status });
const BAD: [name: string, reply: Reply, code: string, message: RegExp][] = [
  ["no token", () => Response.json({ expires_in: 60 }), "LDR_BAD_RESPONSE", /no token$/],
  ["null", () => Response.json(null), "LDR_BAD_RESPONSE", /no token$/],
  ["a number", () => Response.json({ token: 5 }), "LDR_BAD_RESPONSE", /no token$/],
  ["a line break", () => Response.json({ token: "hunter2\nb" }), "LDR_BAD_RESPONSE", /no token$/],
  ["HTML", () => new Response("<html>hunter2"), "LDR_BAD_RESPONSE", /not JSON$/],
  ["an empty body", () => new Response(""), "LDR_BAD_RESPONSE", /not JSON$/],
  [
    "a body past the limit",
    () => Response.json({ token: "x".repeat(2 * 1024 * 1024) }),
    "LDR_BAD_RESPONSE",
    /more than 1\.00 MiB$/,
  ],
  ["404", empty(404), "LDR_BAD_RESPONSE", /auth\.test answered 404$/],
  ["a redirect", empty(307), "LDR_BAD_RESPONSE", /auth\.test answered 307/],
  ["429", empty(429), "LDR_RATE_LIMITED", /auth\.test/],
  ["503", empty(503), "LDR_SERVER_ERROR", /auth\.test/],
];

for (const [name, reply, code, message] of BAD) {
  Deno.test(`requestToken fails with ${code} for ${name}`, async () => {
    const error = await failureOf(request(reply));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert(error.message.includes("registry.test"));
    assert(!Deno.inspect(error).includes("hunter2"), "the error quotes what was sent");
  });
}

const DENIALS: [number, PasswordCredential | IdentityCredential | undefined, code: string][] = [
  [401, BOB, "LDR_UNAUTHORIZED"],
  [403, BOB, "LDR_FORBIDDEN"],
  [400, IDENTITY, "LDR_UNAUTHORIZED"],
  [401, IDENTITY, "LDR_UNAUTHORIZED"],
  [401, undefined, "LDR_UNAUTHORIZED"],
  [403, undefined, "LDR_FORBIDDEN"],
  [400, undefined, "LDR_BAD_RESPONSE"],
];

for (const [status, credential, code] of DENIALS) {
  const source = credential?.source ?? "no source";
  Deno.test(`requestToken fails with ${code} after ${status} to credentials from ${source}`, async () => {
    const error = await failureOf(
      request(() => new Response("s3cret-word", { status }), { credential }),
    );
    assert.equal(error.code, code);
    assert(!Deno.inspect(error).includes("s3cret-word"));
    if (credential) assert(error.message.includes(credential.source), error.message);
    else if (status !== 400) assert(error.hint.includes("larder login registry.test"));
  });
}
