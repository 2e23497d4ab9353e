import assert from "node:assert/strict";
import { LarderError } from "../../../src/base/errors.ts";
import { Authenticator } from "../../../src/registry/auth/authenticator.ts";
import type { Credential } from "../../../src/registry/credentials/credential.ts";
import type { HttpResponse } from "../../../src/registry/http/transport.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { BASIC, BOB, denied, IDENTITY, REALM, setUp } from "../../support/registry/auth_setup.ts";

const hidden = (changes: Parameters<typeof denied>[0] = {}) =>
  denied({ challenge: "", status: 404, ...changes });

/** Makes a registry's answer to `/v2/`, at the address of the request or another one. */
function base(status: number, challenge?: string, url = "https://registry.test/v2/"): Response {
  const headers: Record<string, string> = challenge ? { "www-authenticate": challenge } : {};
  return Object.defineProperty(new Response(null, { status, headers }), "url", { value: url });
}

/** An authenticator whose registry answers `/v2/` in this way, and whose token server always has a token. */
function withBase(credential: Credential | undefined, answer: () => Response | Error) {
  return setUp({
    ...credential && { credential },
    reply: ({ url }) => {
      if (url.pathname !== "/v2/") return Response.json({ token: "token" });
      const response = answer();
      if (response instanceof Error) throw response;
      return response;
    },
  });
}

const BASIC_VALUE = `Basic ${btoa("bob:s3cret-word")}`;
const PLACEHOLDER = `Bearer realm="${REALM}",scope="repository:user/image:pull"`;

const CASES: [name: string, credential: Credential, answer: Response | Error, value?: string][] = [
  ["answers the Basic challenge of /v2/", BOB, base(401, BASIC), BASIC_VALUE],
  ["answers the Bearer challenge of /v2/", BOB, base(401, PLACEHOLDER), "Bearer token"],
  ["answers a challenge of an open /v2/", BOB, base(200, PLACEHOLDER), "Bearer token"],
  ["sends a password to a registry whose /v2/ is open", BOB, base(200), BASIC_VALUE],
  ["does not send an identity token as Basic", IDENTITY, base(200)],
  ["ignores a challenge that it cannot answer", BOB, base(401, "Negotiate")],
  ["ignores another status of /v2/", BOB, base(404)],
  ["ignores the challenge of another host", BOB, base(401, BASIC, "https://other.test/v2/")],
  ["sends nothing after /v2/ of another host", BOB, base(200, "", "https://other.test/v2/")],
  [
    "ignores a registry that cannot be asked",
    BOB,
    new LarderError("LDR_TIMEOUT", "slow", { hint: "wait" }),
  ],
];

for (const [name, credential, answer, value] of CASES) {
  Deno.test(`Authenticator.authorizeHidden ${name}`, async () => {
    const { auth } = withBase(credential, () => answer);
    assert.equal(await auth.authorizeHidden(hidden()), value);
    assert.equal(auth.current("registry.test", "team/app"), value);
  });
}

Deno.test("Authenticator.authorizeHidden requests pull access to the repository alone", async () => {
  const { auth, endpoint } = withBase(BOB, () => base(401, PLACEHOLDER));
  await auth.authorizeHidden(hidden());
  const [, token] = endpoint.requests;
  assert.deepEqual(token!.url.searchParams.getAll("scope"), ["repository:team/app:pull"]);
});

Deno.test("Authenticator.authorizeHidden requests /v2/ once for a registry", async () => {
  const { auth, endpoint } = withBase(BOB, () => base(401, BASIC));
  const names = ["team/a", "team/b", "team/c"];
  const requests = names.map((repository) => auth.authorizeHidden(hidden({ repository })));
  assert.deepEqual(new Set(await Promise.all(requests)), new Set([BASIC_VALUE]));
  await auth.authorizeHidden(hidden({ repository: "team/d" }));
  assert.equal(endpoint.requests.length, 1);
});

Deno.test("Authenticator.authorizeHidden requests nothing without credentials", async () => {
  const { auth, endpoint } = withBase(undefined, () => base(401, BASIC));
  assert.equal(await auth.authorizeHidden(hidden()), undefined);
  assert.deepEqual(endpoint.requests, []);
});

Deno.test("Authenticator.authorizeHidden looks up nothing after the answer of another host", async () => {
  const { auth, endpoint, lookups } = withBase(BOB, () => base(401, BASIC));
  const url = new URL("https://cdn.test/blob");
  assert.equal(await auth.authorizeHidden(hidden({ url })), undefined);
  assert.deepEqual([endpoint.requests, lookups], [[], []]);
});

/** An authenticator whose credentials cannot be read. */
function withFailure(code: "LDR_CREDENTIAL_HELPER" | "LDR_CONFIG", reply: () => HttpResponse) {
  return new Authenticator({
    transport: { send: () => Promise.resolve(reply()) },
    clock: new FakeClock(),
    credentials: {
      find: () => Promise.reject(new LarderError(code, "broken", { hint: "mend it" })),
    },
  });
}

Deno.test("Authenticator goes on without credentials that cannot be read", async () => {
  for (const code of ["LDR_CREDENTIAL_HELPER", "LDR_CONFIG"] as const) {
    const open = withFailure(code, () => Response.json({ token: "anonymous" }));
    assert.equal(await open.authorize(denied()), "Bearer anonymous");
    assert.equal(await open.authorizeHidden(hidden()), undefined);
    const closed = withFailure(code, () => new Response(null, { status: 401 }));
    assert.equal((await failureOf(closed.authorize(denied()))).code, code);
    assert.equal((await failureOf(closed.authorize(denied({ challenge: BASIC })))).code, code);
  }
});
