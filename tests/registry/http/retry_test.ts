import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import { RETRY_BASE, TRIES } from "../../../src/base/tries.ts";
import { isTransient, RetryTransport } from "../../../src/registry/http/retry.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { FakeTransport, get, response } from "../../support/registry/fake_transport.ts";

const URL_ = "https://reg.test/v2/";
const failure = (code: ErrorCode) => new LarderError(code, `${code} happened`, { hint: "h" });

for (const status of [408, 429, 500, 502, 503, 504, 507, 599]) {
  Deno.test(`RetryTransport.send retries ${status} and cancels its body`, async () => {
    const bad = response(status);
    const transport = new FakeTransport(bad, response(200));
    const answer = await new RetryTransport(transport, new FakeClock()).send(get(URL_));
    assert.equal(answer.status, 200);
    assert.equal(transport.requests.length, 2);
    assert.equal(bad.isReleased, true);
    assert.equal((answer as typeof bad).isReleased, false);
  });
}

for (const status of [200, 206, 301, 307, 400, 401, 403, 404, 405, 416, 501]) {
  Deno.test(`RetryTransport.send returns ${status}`, async () => {
    const transport = new FakeTransport(response(status));
    const clock = new FakeClock();
    assert.equal((await new RetryTransport(transport, clock).send(get(URL_))).status, status);
    assert.equal(transport.requests.length, 1);
    assert.deepEqual(clock.sleeps, []);
  });
}

for (const code of ["LDR_UNREACHABLE", "LDR_TIMEOUT"] as const) {
  Deno.test(`RetryTransport.send retries ${code}`, async () => {
    const transport = new FakeTransport(failure(code), failure(code), response(200));
    const answer = await new RetryTransport(transport, new FakeClock()).send(get(URL_));
    assert.equal(answer.status, 200);
    assert.equal(transport.requests.length, 3);
  });
}

Deno.test("RetryTransport.send tries an optional request once, and does not count its failure", async () => {
  const answers = [response(503), failure("LDR_UNREACHABLE"), response(429), response(200)];
  const inner = new FakeTransport(...answers);
  const clock = new FakeClock();
  const transport = new RetryTransport(inner, clock);
  const optional = { ...get(URL_), once: true };
  assert.equal((await transport.send(optional)).status, 503);
  await assert.rejects(transport.send(optional), (error) => hasCode(error, "LDR_UNREACHABLE"));
  assert.equal((await transport.send(optional)).status, 429);
  assert.equal((await transport.send(get(URL_))).status, 200);
  assert.deepEqual(clock.sleeps, []);
});

for (const error of [failure("LDR_TLS"), failure("LDR_INTERRUPTED"), new TypeError("a bug")]) {
  Deno.test(`RetryTransport.send does not retry: ${error.message}`, async () => {
    const transport = new FakeTransport(error);
    const sent = new RetryTransport(transport, new FakeClock()).send(get(URL_));
    await assert.rejects(sent, (thrown) => thrown === error);
    assert.equal(transport.requests.length, 1);
  });
}

Deno.test("RetryTransport.send returns the last response unread and throws the last error", async () => {
  const last = response(503);
  const answers = [...Array.from({ length: TRIES - 1 }, () => response(503)), last];
  const transport = new FakeTransport(...answers);
  assert.equal(await new RetryTransport(transport, new FakeClock()).send(get(URL_)), last);
  assert.equal(transport.requests.length, TRIES);
  assert.equal(last.isReleased, false);

  const broken = new FakeTransport(failure("LDR_UNREACHABLE"));
  const clock = new FakeClock();
  await assert.rejects(
    new RetryTransport(broken, clock).send(get(URL_)),
    (error) => hasCode(error, "LDR_UNREACHABLE"),
  );
  assert.equal(broken.requests.length, TRIES);
  assert.equal(clock.sleeps.length, TRIES - 1);
});

Deno.test("RetryTransport.send doubles the bound of the pauses", async () => {
  const clock = new FakeClock();
  clock.chance = 0.5;
  await new RetryTransport(new FakeTransport(response(500)), clock).send(get(URL_));
  assert.deepEqual(clock.sleeps, [1, 2, 4, 8].map((factor) => factor * RETRY_BASE / 2));
});

Deno.test("RetryTransport.send does not retry after a Retry-After past the limit", async () => {
  const clock = new FakeClock();
  const limited = response(429, { "retry-after": "3600" });
  const transport = new FakeTransport(limited);
  assert.equal(await new RetryTransport(transport, clock).send(get(URL_)), limited);
  assert.equal(limited.isReleased, false);
  assert.deepEqual([transport.requests.length, clock.sleeps.length], [1, 0]);
});

Deno.test("RetryTransport.send reports the failure and the next try before each pause", async () => {
  const messages: string[] = [];
  const limited = response(429, { "retry-after": "7" });
  const transport = new FakeTransport(
    response(503),
    failure("LDR_TIMEOUT"),
    limited,
    response(200),
  );
  const clock = new FakeClock();
  await new RetryTransport(transport, clock, (message) => messages.push(message)).send(get(URL_));
  assert.deepEqual(messages, [
    "reg.test/v2/: reg.test answered 503; trying again (2 of 5)",
    "reg.test/v2/: LDR_TIMEOUT happened; trying again (3 of 5)",
    "reg.test/v2/: reg.test answered 429; trying again in 7s (4 of 5)",
  ]);
});

Deno.test("RetryTransport.send ends when it is aborted during a pause", async () => {
  const stop = new AbortController();
  const transport = new FakeTransport(() => {
    stop.abort();
    return response(503);
  });
  const sent = new RetryTransport(transport, new FakeClock()).send(
    get(URL_, { signal: stop.signal }),
  );
  await assert.rejects(sent, (error) => hasCode(error, "LDR_INTERRUPTED"));
  assert.equal(transport.requests.length, 1);
});

Deno.test("isTransient is true only for failed connections and timeouts", () => {
  const codes: ErrorCode[] = [
    "LDR_UNREACHABLE",
    "LDR_TIMEOUT",
    "LDR_DNS",
    "LDR_TLS",
    "LDR_NOT_FOUND",
  ];
  assert.deepEqual(codes.map((code) => isTransient(failure(code))), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.equal(isTransient(new Error("other")), false);
});
