import assert from "node:assert/strict";
import { REQUESTS_PER_THREAD, RESPONSE_TIMEOUT } from "../../../src/run/server/guest_thread.ts";
import { WATCH_INTERVAL } from "../../../src/run/server/heartbeat.ts";
import { endlessStart, guestBytes } from "../../support/wasm/components.ts";
import { Pool } from "../../support/wasm/guest_pools.ts";

const cases = await guestBytes("http_cases");
const endless = await endlessStart();

function startsForEver(options: { signal?: AbortSignal } = {}): Promise<void> {
  return Pool.start(endless, options).then((pool) => pool[Symbol.dispose]());
}

Deno.test("a guest whose start does not end", async (t) => {
  await t.step("is given up", async () => {
    await assert.rejects(startsForEver(), { code: "LDR_GUEST", message: /did not start in time/ });
  });
  await t.step("is left at once when the signal is raised", async () => {
    const controller = new AbortController();
    const starting = startsForEver({ signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await assert.rejects(starting, { code: "LDR_INTERRUPTED" });
  });
  await t.step("is not even begun after that", async () => {
    await assert.rejects(startsForEver({ signal: AbortSignal.abort() }), {
      code: "LDR_INTERRUPTED",
    });
  });
});

Deno.test("requests that wait get their turn as soon as another thread is there", async () => {
  using pool = await Pool.start(cases, { size: 2 });
  const sleeping = Array.from({ length: REQUESTS_PER_THREAD }, () => pool.get("/sleep"));
  assert.equal(await pool.get("/hello"), "hello\n");
  pool[Symbol.dispose]();
  assert.deepEqual(new Set(await Promise.all(sleeping)), new Set([503]));
});

Deno.test("a request is answered for after a minute", async (t) => {
  await t.step("if its guest has not begun to answer", async () => {
    using pool = await Pool.start(cases);
    const sleeping = pool.get("/sleep");
    using _ = new SkewedClock(RESPONSE_TIMEOUT);
    assert.equal(await sleeping, 504);
    assert.deepEqual(pool.failures, ["the guest did not answer in time"]);
  });
  await t.step("if it has not had its turn", async () => {
    using pool = await Pool.start(cases);
    const sleeping = Array.from({ length: REQUESTS_PER_THREAD }, () => pool.get("/sleep"));
    using _ = new SkewedClock(RESPONSE_TIMEOUT);
    assert.equal(await pool.get("/hello"), 504);
    assert.deepEqual(await Promise.all(sleeping), Array(REQUESTS_PER_THREAD).fill(504));
  });
});

Deno.test("requests that wait get their turn when a thread ends that had no client any more", async () => {
  using pool = await Pool.start(cases);
  for (let i = 1; i < REQUESTS_PER_THREAD; i++) assert.equal(await pool.get("/linger"), "hello\n");
  assert.equal(await pool.get("/after"), "hello\n");
  assert.equal(await pool.get("/hello"), "hello\n");
  assert.deepEqual(pool.failures, ["the guest computed on after its response"]);
});

Deno.test("a client that has gone takes its request along, also one that waits", async () => {
  using pool = await Pool.start(cases);
  let isGone = false;
  const ask = () => pool.get("/sleep", undefined, () => isGone);
  const gone = Array.from({ length: REQUESTS_PER_THREAD + 1 }, ask);
  const other = pool.get("/hello");
  await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL));
  isGone = true;
  assert.deepEqual(new Set(await Promise.all(gone)), new Set([499]));
  assert.equal(await other, "hello\n");
  assert.deepEqual(pool.failures, []);
});

Deno.test("a request that no guest has begun with outlives its thread", async () => {
  using pool = await Pool.start(cases);
  const busy = pool.get("/busy");
  const requests = [pool.get("/hello"), pool.get("/echo", new Blob(["body"]).stream())];
  assert.deepEqual(await Promise.all(requests), ["hello\n", "body"]);
  assert.equal(await busy, 504);
});

Deno.test("guests that outlive their responses take room, and lose it at last", async () => {
  using pool = await Pool.start(cases);
  const count = REQUESTS_PER_THREAD;
  const lingering = Array.from({ length: count }, () => pool.get("/linger"));
  assert.deepEqual(await Promise.all(lingering), Array(count).fill("hello\n"));
  assert.equal(await pool.get("/hello"), "hello\n");
  assert.deepEqual(pool.failures, []);
});

Deno.test("a step of the system's clock ends nothing", async () => {
  using pool = await Pool.start(cases);
  const sleeping = pool.get("/sleep");
  const { now } = Date;
  let passed = 0;
  Date.now = () => now() + (passed += 60_000);
  try {
    for (let i = 0; i < 30; i++) assert.equal(await pool.get("/wait"), "hello\n");
  } finally {
    Date.now = now;
  }
  pool[Symbol.dispose]();
  assert.equal(await sleeping, 503);
});

Deno.test("a guest has its minute from the last of the request's body on", async () => {
  using pool = await Pool.start(cases);
  using clock = new SkewedClock();
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (pieces++ === 4) return controller.close();
      // Long enough to be looked at.
      await new Promise((resolve) => setTimeout(resolve, 3 * WATCH_INTERVAL));
      clock.pass(0.4 * RESPONSE_TIMEOUT);
      controller.enqueue(new TextEncoder().encode("piece"));
    },
  });
  assert.equal(await pool.get("/upload", body), "hello\n");
  const sleeping = pool.get("/sleep", new Blob(["unread"]).stream());
  clock.pass(RESPONSE_TIMEOUT);
  assert.equal(await sleeping, 504);
});

Deno.test("a response that its guest breaks off is told of", async () => {
  using pool = await Pool.start(cases);
  assert.equal(await pool.get("/short"), "the guest broke off");
  assert.deepEqual(pool.failures, ["the guest broke off its response"]);
});

/** The clock of `performance.now()`, on which time passes as the test says beside what passes in truth. */
class SkewedClock implements Disposable {
  readonly #now = performance.now;
  #passed = 0;

  /** @param step passes whenever somebody looks at it, in milliseconds */
  constructor(step = 0) {
    performance.now = () => this.#now.call(performance) + (this.#passed += step);
  }

  pass(milliseconds: number): void {
    this.#passed += milliseconds;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}
