import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import { SILENT_TRIES, TRIES } from "../../../src/base/tries.ts";
import { NetworkError } from "../../../src/registry/http/network_error.ts";
import { DOWN_TIME } from "../../../src/registry/http/host_health.ts";
import { RetryTransport } from "../../../src/registry/http/retry.ts";
import type { HttpRequest } from "../../../src/registry/http/transport.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import {
  type FakeResponse,
  FakeTransport,
  get,
  response,
} from "../../support/registry/fake_transport.ts";

const failure = (code: ErrorCode) => new LarderError(code, `${code} happened`, { hint: "h" });
const url = (name: string | number) => `https://reg.test/v2/${name}`;

/** Sends so many requests at once and returns the messages of the failures. */
async function send(
  transport: RetryTransport,
  count: number,
  first = 0,
  method: HttpRequest["method"] = "GET",
) {
  const sent = Array.from(
    { length: count },
    (_, i) =>
      transport.send(get(url(first + i), { method })).then(
        ({ status }) => status < 400 ? "" : String(status),
        (error) => error.message as string,
      ),
  );
  return (await Promise.all(sent)).filter((text) => text !== "");
}

/** The failure of all requests, and how many requests 31 pulls make in all, 8 of them at once. */
const ILL: [string, FakeResponse | Error, number][] = [
  ["503", response(503), 8 + TRIES - 1],
  ["429", response(429), 8 + TRIES - 1],
  ["429 with a long Retry-After", response(429, { "retry-after": "3600" }), 8],
  // A second request has to fail before other paths are held to fail too.
  ["500", response(500), 8 + 2 * (TRIES - 1)],
  ["LDR_UNREACHABLE", failure("LDR_UNREACHABLE"), 8 + TRIES - 1],
  ["LDR_TIMEOUT", failure("LDR_TIMEOUT"), 8 + SILENT_TRIES - 1],
  ["LDR_DNS", failure("LDR_DNS"), 8],
  ["LDR_TLS", failure("LDR_TLS"), 8],
  ["a proxy's 407", failure("LDR_UNAUTHORIZED"), 8],
];

for (const [name, reply, most] of ILL) {
  Deno.test(`RetryTransport.send asks a host that answers ${name} ${most} times at most`, async () => {
    const inner = new FakeTransport(reply);
    const notes: string[] = [];
    const transport = new RetryTransport(inner, new FakeClock(), (note) => notes.push(note));
    assert.equal((await send(transport, 8)).length, 8);
    for (let i = 8; i < 31; i++) assert.equal((await send(transport, 1, i)).length, 1);
    assert.ok(inner.requests.length <= most, `${inner.requests.length} requests`);
    assert.ok(notes.length <= most - 8, notes.join("\n"));
  });
}

Deno.test("RetryTransport.send fails at once with the same code and cause, until DOWN_TIME has passed", async () => {
  const inner = new FakeTransport(
    ...Array.from({ length: TRIES }, () => response(503)),
    response(200),
  );
  const clock = new FakeClock();
  const transport = new RetryTransport(inner, clock);
  await send(transport, 1);
  await assert.rejects(
    transport.send(get(url("app"), { subject: "reg.test/app:v1" })),
    (error) =>
      hasCode(error, "LDR_SERVER_ERROR") &&
      error.message ===
        "reg.test/app:v1 was not asked for after an earlier failure: reg.test answered 503",
  );
  assert.equal((await send(transport, 1, 0, "HEAD")).length, 1);
  await transport.send(get("https://other.test/"));
  clock.time += DOWN_TIME;
  assert.deepEqual(await send(transport, 1), []);
});

Deno.test("RetryTransport.send tells how long a host asks to wait", async () => {
  const inner = new FakeTransport(response(429, { "retry-after": "3600" }));
  const transport = new RetryTransport(inner, new FakeClock());
  await send(transport, 1);
  assert.match((await send(transport, 1))[0]!, /reg\.test answered 429 and asks to wait 1h$/);
});

Deno.test("RetryTransport.send asks sooner again with another downTime, unless the host asks to wait", async () => {
  const asked = { "retry-after": "30" };
  for (
    const [answer, downTime] of [[response(503), 10_000], [response(429, asked), 30_000]] as const
  ) {
    const answers = [...Array.from({ length: TRIES }, () => answer), response(200)];
    const clock = new FakeClock();
    const times = { downTime: 10_000, longestWait: 60_000 };
    const transport = new RetryTransport(new FakeTransport(...answers), clock, undefined, times);
    await send(transport, 1);
    clock.time += downTime - 1;
    await assert.rejects(transport.send(get(url("app"))));
    clock.time += 1;
    assert.deepEqual(await send(transport, 1), []);
  }
});

Deno.test("RetryTransport.send goes on with other paths if one answers 500", async () => {
  const inner = new FakeTransport(({ url }) => response(url.pathname === "/v2/3" ? 500 : 200));
  const transport = new RetryTransport(inner, new FakeClock());
  assert.deepEqual(await send(transport, 8), ["500"]);
  assert.deepEqual(await send(transport, 8, 8), []);
  assert.equal(inner.requests.length, 16 + TRIES - 1);
});

Deno.test("RetryTransport.send sends HEAD requests while GET is rate limited", async () => {
  const inner = new FakeTransport(({ method }) => response(method === "GET" ? 429 : 200));
  const transport = new RetryTransport(inner, new FakeClock());
  await send(transport, 1);
  assert.deepEqual(await send(transport, 1, 0, "HEAD"), []);
});

Deno.test("RetryTransport.send returns 5xx to HEAD at once, and retries 429", async () => {
  for (const [status, tries] of [[503, 1], [500, 1], [408, 1], [429, TRIES]] as const) {
    const inner = new FakeTransport(response(status));
    await send(new RetryTransport(inner, new FakeClock()), 1, 0, "HEAD");
    assert.equal(inner.requests.length, tries);
  }
});

Deno.test("RetryTransport.send blames the host of a redirect for its failure, not the registry", async () => {
  const cdn = new NetworkError(
    "LDR_UNREACHABLE",
    new URL("https://cdn.test/x"),
    "cannot reach cdn.test",
    { hint: "h" },
  );
  const inner = new FakeTransport(({ url }) => url.pathname === "/v2/blob" ? cdn : response(200));
  const transport = new RetryTransport(inner, new FakeClock());
  await assert.rejects(transport.send(get(url("blob"))));
  assert.deepEqual(await send(transport, 1), []);
  inner.requests.length = 0;
  await assert.rejects(transport.send(get(url("blob"))));
  assert.equal(inner.requests.length, 1, "a host that is down was tried again");
});

Deno.test("RetryTransport.send lets requests that failed go on once the host has recovered", async () => {
  let answers = 0;
  const inner = new FakeTransport(() => response(++answers <= 9 ? 503 : 200));
  const notes: string[] = [];
  const transport = new RetryTransport(inner, new FakeClock(), (note) => notes.push(note));
  assert.deepEqual(await send(transport, 8), []);
  assert.equal(inner.requests.length, 8 + 8 + 1);
});

Deno.test("RetryTransport.send stops waiting for another request when it is aborted", async () => {
  const stop = new AbortController();
  const clock = new FakeClock();
  clock.sleep = () => new Promise(() => {}); // The request that tries again never ends.
  const transport = new RetryTransport(new FakeTransport(response(503)), clock);
  void transport.send(get(url("a")));
  const waiting = transport.send(get(url("b"), { signal: stop.signal }));
  setTimeout(() => stop.abort());
  await assert.rejects(waiting, (error) => hasCode(error, "LDR_INTERRUPTED"));
});
