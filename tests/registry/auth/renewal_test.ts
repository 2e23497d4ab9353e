import assert from "node:assert/strict";
import { Authenticator } from "../../../src/registry/auth/authenticator.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import {
  BASIC,
  BEARER,
  BOB,
  denied,
  setUp,
  TokenEndpoint,
} from "../../support/registry/auth_setup.ts";

Deno.test("Authenticator replaces every expired token", async () => {
  const { auth, clock, endpoint } = setUp();
  for (let i = 1; i <= 20; i++) {
    assert.equal(auth.current("registry.test", "team/app"), undefined);
    assert.equal(await auth.authorize(denied()), `Bearer token-${i}`);
    clock.time += 49_999; // 60 seconds, less the margin of 10.
    assert.equal(auth.current("registry.test", "team/app"), `Bearer token-${i}`);
    clock.time += 1;
  }
  assert.equal(endpoint.requests.length, 20);
});

for (const status of [401, 403]) {
  Deno.test(`Authenticator replaces a token rejected with ${status} once`, async () => {
    const { auth, endpoint } = setUp({ credential: BOB });
    // The 403 of registries whose tokens expire early has no challenge.
    const challenge = status === 403 ? "" : BEARER;
    const first = await auth.authorize(denied());
    const second = await auth.authorize(denied({ status, challenge, sent: first }));
    assert.deepEqual([first, second], ["Bearer token-1", "Bearer token-2"]);
    assert.equal(auth.current("registry.test", "team/app"), second);

    // A late request with the old token gets the new one.
    assert.equal(await auth.authorize(denied({ status, challenge, sent: first })), second);
    assert.equal(endpoint.requests.length, 2);

    const error = await failureOf(auth.authorize(denied({ status, challenge, sent: second })));
    assert.equal(error.code, status === 403 ? "LDR_FORBIDDEN" : "LDR_UNAUTHORIZED");
    assert.match(error.message, /registry\.test\/team\/app.*bob/);
    assert.equal(endpoint.requests.length, 2);
    assert.equal(auth.current("registry.test", "team/app"), undefined);
  });
}

Deno.test("Authenticator fails every request with a rejected replacement", async () => {
  const { auth, endpoint } = setUp();
  const first = await auth.authorize(denied());
  const sent = await auth.authorize(denied({ sent: first }));
  for (let i = 0; i < 3; i++) {
    const error = await failureOf(auth.authorize(denied({ sent })));
    assert(error.hint.includes("larder login registry.test"), error.hint);
  }
  assert.equal(endpoint.requests.length, 2);
});

Deno.test("Authenticator replaces a replacement that was accepted for a while", async () => {
  const { auth, clock } = setUp({
    reply: (_, count) => Response.json({ token: `token-${count}`, expires_in: 3600 }),
  });
  let sent = await auth.authorize(denied());
  for (let i = 2; i < 6; i++) {
    clock.time += 20_000;
    sent = await auth.authorize(denied({ sent }));
    assert.equal(sent, `Bearer token-${i}`);
  }
});

Deno.test("Authenticator fails after at most three rounds of any challenges", async () => {
  const challenges = [BASIC, BEARER, BEARER.replace("app:pull", "app:push")];
  for (const [a, b] of challenges.flatMap((a) => challenges.map((b) => [a, b]))) {
    const { auth } = setUp({ credential: BOB });
    let sent: string | undefined;
    let rounds = 0;
    const error = await failureOf((async () => {
      for (; rounds < 10; rounds++) {
        sent = await auth.authorize(denied({ sent, challenge: rounds % 2 ? b! : a! }));
      }
    })());
    assert.equal(error.code, "LDR_UNAUTHORIZED");
    assert(rounds <= 3, `${rounds} rounds of ${a} and ${b}`);
  }
});

Deno.test("Authenticator fails after a 403 without authorization or with Basic", async () => {
  const { auth } = setUp({ credential: BOB });
  const anonymous = await failureOf(auth.authorize(denied({ status: 403, challenge: "" })));
  assert.equal(anonymous.code, "LDR_FORBIDDEN");
  const sent = await auth.authorize(denied({ challenge: BASIC }));
  const known = await failureOf(auth.authorize(denied({ status: 403, challenge: "", sent })));
  assert.equal(known.code, "LDR_FORBIDDEN");
  assert.match(known.message, /bob/);
});

Deno.test("Authenticator uses a password that changed meanwhile", async () => {
  let password = "expired-word";
  const auth = new Authenticator({
    transport: new TokenEndpoint(),
    clock: new FakeClock(),
    credentials: { find: () => Promise.resolve({ username: "AWS", password, source: "helper" }) },
  });
  const sent = await auth.authorize(denied({ challenge: BASIC }));
  password = "renewed-word";
  const renewed = await auth.authorize(denied({ status: 403, challenge: "", sent }));
  assert.equal(renewed, `Basic ${btoa("AWS:renewed-word")}`);
});

Deno.test("Authenticator retries a failed token server at the next request", async () => {
  const { auth } = setUp({
    reply: (_, count) =>
      count === 1 ? new Response(null, { status: 503 }) : Response.json({ token: "good" }),
  });
  assert.equal((await failureOf(auth.authorize(denied()))).code, "LDR_SERVER_ERROR");
  assert.equal(await auth.authorize(denied()), "Bearer good");
});
