import assert from "node:assert/strict";
import { RESPONSE_TIMEOUT } from "../../../src/run/server/exchanges.ts";
import { HANG_TIMEOUT, REQUESTS_PER_THREAD } from "../../../src/run/server/guest_thread.ts";
import { WATCH_INTERVAL } from "../../../src/run/server/heartbeat.ts";
import { IDLE_TIMEOUT } from "../../../src/run/server/worker_pool.ts";
import { endlessStart, guestBytes } from "../../support/wasm/components.ts";
import { Pool } from "../../support/wasm/guest_pools.ts";
import { quickTimer } from "../../support/wasm/quick_timer.ts";

const cases = await guestBytes("http_cases");
const endless = await endlessStart();

/** Returns a body of pieces 100 ms apart, which would end after 3 s. */
function slowBody(): ReadableStream<Uint8Array> {
  let left = 30;
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (left-- > 0) controller.enqueue(Uint8Array.of(97));
      else controller.close();
    },
  });
}

function startEndless(options: { signal?: AbortSignal } = {}): Promise<void> {
  return Pool.start(endless, options).then((pool) => pool[Symbol.dispose]());
}

Deno.test("GuestPool.handle passes waiting requests to a thread that has just started", async () => {
  using pool = await Pool.start(cases, { size: 2 });
  const sleeping = Array.from({ length: REQUESTS_PER_THREAD }, () => pool.get("/sleep"));
  assert.equal(await pool.get("/hello"), "hello\n");
  pool[Symbol.dispose]();
  assert.deepEqual(new Set(await Promise.all(sleeping)), new Set([503]));
});

Deno.test("GuestPool.handle applies a timeout of the user to a whole request", async (t) => {
  const limits = { timeout: 300 };
  const longer = { timeout: 1500 }; // A slow machine needs time to begin the response.
  await t.step("that waits", async () => {
    using pool = await Pool.start(cases, { limits });
    assert.equal(await pool.get("/sleep"), 504);
    assert.deepEqual(pool.failures, ["the guest did not answer in time"]);
  });
  await t.step("that has begun its response", async () => {
    using pool = await Pool.start(cases, { limits: longer });
    const response = await pool.fetch("/echo", slowBody());
    await assert.rejects(response.text());
  });
  await t.step("that still has a body to read", async () => {
    using pool = await Pool.start(cases, { limits: longer });
    assert.equal(await pool.get("/upload", slowBody()), 504);
  });
  await t.step("that is longer than a minute", async () => {
    using pool = await Pool.start(cases, { limits: { timeout: 2 * RESPONSE_TIMEOUT } });
    const sleeping = pool.get("/sleep");
    using clock = new SkewedClock();
    clock.pass(RESPONSE_TIMEOUT);
    await new Promise((resolve) => setTimeout(resolve, 3 * WATCH_INTERVAL));
    assert.deepEqual(pool.failures, []);
    clock.pass(RESPONSE_TIMEOUT);
    assert.equal(await sleeping, 504);
  });
});

Deno.test("GuestPool limits the memory of its guests", async () => {
  const bytes = await guestBytes("http_cases", (wat) =>
    wat.replace(
      "(func $case-hello (param $outparam i32)",
      `(func $case-hello (param $outparam i32)
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (call $hello-case (local.get $outparam)))
  (func $hello-case (param $outparam i32)`,
    ));
  using pool = await Pool.start(bytes, { limits: { maxMemory: 4 * 65_536 } });
  assert.equal(await pool.get("/hello"), "hello\n");
});

Deno.test("GuestPool.handle fails with 504 after a minute", async (t) => {
  await t.step("if the guest has not begun its response", async () => {
    using pool = await Pool.start(cases);
    const sleeping = pool.get("/sleep");
    using _ = new SkewedClock(RESPONSE_TIMEOUT);
    assert.equal(await sleeping, 504);
    assert.deepEqual(pool.failures, ["the guest did not answer in time"]);
  });
  await t.step("if no thread had room", async () => {
    using pool = await Pool.start(cases);
    const sleeping = Array.from({ length: REQUESTS_PER_THREAD }, () => pool.get("/sleep"));
    using _ = new SkewedClock(RESPONSE_TIMEOUT);
    assert.equal(await pool.get("/hello"), 504);
    assert.deepEqual(await Promise.all(sleeping), Array(REQUESTS_PER_THREAD).fill(504));
  });
});

Deno.test("GuestPool.handle fails with 499 if the client disconnects, also while it waits", async () => {
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

Deno.test("GuestPool.handle counts guests that continue after their responses, until they time out", async () => {
  using pool = await Pool.start(cases);
  const count = REQUESTS_PER_THREAD;
  const lingering = Array.from({ length: count }, () => pool.get("/linger"));
  assert.deepEqual(await Promise.all(lingering), Array(count).fill("hello\n"));
  assert.equal(await pool.get("/hello"), "hello\n");
  assert.deepEqual(pool.failures, []);
});

Deno.test("GuestPool ignores steps of the system clock", async () => {
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

Deno.test("GuestPool.handle extends the deadline with each piece of the request's body", async () => {
  using pool = await Pool.start(cases);
  using clock = new SkewedClock();
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (pieces++ === 4) return controller.close();
      // Long enough for a check by the watchdog.
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

Deno.test("GuestPool ends its threads when there are no requests, and starts one again", async () => {
  using timers = new IdleTimers();
  using pool = await Pool.start(cases);
  assert.equal(await pool.get("/hello"), "hello\n");
  const sleeping = pool.get("/sleep");
  // The first time, there were requests since; then one is under way.
  for (let i = 0; i < 3; i++) timers.fire();
  assert.equal(timers.ended, 0);
  pool[Symbol.dispose]();
  assert.equal(await sleeping, 503);

  using idle = await Pool.start(cases);
  assert.equal(await idle.get("/hello"), "hello\n");
  timers.ended = 0;
  timers.fire();
  assert.equal(timers.ended, 0);
  // The thread tells a little after its response that no guest runs.
  for (let i = 0; i < 500 && timers.ended === 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    timers.fire();
  }
  assert.equal(timers.ended, 1);
  assert.equal(await idle.get("/hello"), "hello\n");
});

Deno.test("GuestPool.handle starts a guest while others of its thread wait", async () => {
  using pool = await Pool.start(cases);
  const waiting = [pool.get("/sleep"), pool.get("/sleep")];
  const answers = Array.from({ length: 10 }, () => pool.get("/hello"));
  assert.deepEqual(await Promise.all(answers), Array(10).fill("hello\n"));
  pool[Symbol.dispose]();
  assert.deepEqual(await Promise.all(waiting), [503, 503]);
});

Deno.test("GuestPool reports a response that its guest does not finish", async () => {
  using pool = await Pool.start(cases);
  assert.equal(await pool.get("/short"), "the guest did not finish its response");
  assert.deepEqual(pool.failures, ["the guest did not finish its response"]);
});

// The guests of the tests below compute without end, and Deno 2.9 does not stop a thread that computes: a processor is
// busy with each until the process of the tests ends.

Deno.test("GuestPool.handle passes waiting requests on when a thread without clients ends", async () => {
  using _ = quickTimer("setInterval", WATCH_INTERVAL);
  using pool = await Pool.start(cases);
  for (let i = 1; i < REQUESTS_PER_THREAD; i++) assert.equal(await pool.get("/linger"), "hello\n");
  assert.equal(await pool.get("/after"), "hello\n");
  assert.equal(await pool.get("/hello"), "hello\n");
  assert.deepEqual(pool.failures, ["the guest kept computing after its response"]);
});

Deno.test("GuestPool.handle passes a request that no guest received to another thread", async () => {
  using _ = quickTimer("setInterval", WATCH_INTERVAL);
  using pool = await Pool.start(cases);
  const busy = pool.get("/busy");
  const requests = [pool.get("/hello"), pool.get("/echo", new Blob(["body"]).stream())];
  assert.deepEqual(await Promise.all(requests), ["hello\n", "body"]);
  assert.equal(await busy, 504);
});

Deno.test("GuestPool.start with a start function that does not end", async (t) => {
  await t.step("fails after a timeout", async () => {
    using _ = quickTimer("setTimeout", HANG_TIMEOUT);
    await assert.rejects(startEndless(), { code: "LDR_GUEST", message: /did not start in time/ });
  });
  await t.step("fails at once when the signal is raised", async () => {
    const controller = new AbortController();
    const starting = startEndless({ signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await assert.rejects(starting, { code: "LDR_INTERRUPTED" });
  });
  await t.step("fails if the signal was raised before", async () => {
    await assert.rejects(startEndless({ signal: AbortSignal.abort() }), {
      code: "LDR_INTERRUPTED",
    });
  });
});

Deno.test("GuestPool.handle applies a timeout of the user to a guest that computes", async (t) => {
  const limits = { timeout: 300 };
  await t.step("before its response", async () => {
    using pool = await Pool.start(cases, { limits });
    assert.equal(await pool.get("/busy"), 504);
  });
  await t.step("after it has begun its response", async () => {
    using pool = await Pool.start(cases, { limits: { timeout: 1500 } });
    const response = await pool.fetch("/tail");
    await assert.rejects(response.text());
  });
});

/** Holds the timers of idle pools until the test fires them, and counts the threads that end. */
class IdleTimers implements Disposable {
  ended = 0;
  readonly #setTimeout = globalThis.setTimeout;
  readonly #terminate = Worker.prototype.terminate;
  #handlers: (() => void)[] = [];

  constructor() {
    const count = () => void this.ended++;
    const terminate = this.#terminate;
    Worker.prototype.terminate = function () {
      count();
      terminate.call(this);
    };
    const hold = (handler: () => void, delay?: number) => {
      if (delay !== IDLE_TIMEOUT) return this.#setTimeout(handler, delay);
      this.#handlers.push(handler);
      return 0;
    };
    Object.assign(globalThis, { setTimeout: hold });
  }

  fire(): void {
    const handlers = this.#handlers;
    this.#handlers = [];
    for (const handler of handlers) handler();
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, { setTimeout: this.#setTimeout });
    Worker.prototype.terminate = this.#terminate;
  }
}

/** Adds time to `performance.now()` as a test requests. */
class SkewedClock implements Disposable {
  readonly #now = performance.now;
  #passed = 0;

  /** @param step milliseconds that pass with each call of `performance.now()` */
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
