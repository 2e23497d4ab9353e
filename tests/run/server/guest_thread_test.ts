import assert from "node:assert/strict";
import { RESPONSE_TIMEOUT } from "../../../src/run/server/exchanges.ts";
import { GuestThread, REQUESTS_PER_THREAD } from "../../../src/run/server/guest_thread.ts";
import { WATCH_INTERVAL } from "../../../src/run/server/heartbeat.ts";
import { compileComponent, guestBytes } from "../../support/wasm/components.ts";
import { NOTHING } from "../../support/wasm/guest_host.ts";
import { headOf } from "../../support/wasm/guest_pools.ts";
import { quickInterval } from "../../support/wasm/quick_timer.ts";

const cases = await guestBytes("http_cases");

/** A component whose instances trap when they start, from 4 seconds after the start of the thread. */
const shortLived = await guestBytes("http_cases", (wat) => {
  const now = `(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))`;
  const check =
    `(func $check (if (i64.gt_u (call $now) (i64.const 4000000000)) (then (unreachable))))`;
  return wat.replace("(module", `(module ${now}`).replace(/\)\s*$/, `${check} (start $check))`);
});

function ask(guest: GuestThread, path: string): Promise<Response | undefined> {
  return guest.handle({
    head: headOf(path),
    body: null,
    isGone: () => false,
    deadline: performance.now() + RESPONSE_TIMEOUT,
  });
}

async function startGuest(bytes = cases): Promise<GuestThread & Disposable> {
  const program = { compiled: compileComponent(bytes), settings: NOTHING };
  const guest = await GuestThread.start(program, { onFailure() {}, onDenial() {} });
  return Object.assign(guest, { [Symbol.dispose]: () => guest.stop() });
}

/** Waits until the thread has ended, and checks that it has one request under way until then. */
async function assertLoadedUntilEnd(guest: GuestThread): Promise<void> {
  while (!guest.isEnded) {
    assert.equal(guest.load, 1);
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

Deno.test("GuestThread survives an instance that traps when it starts", async () => {
  using guest = await startGuest(shortLived);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  assert.equal(await (await ask(guest, "/hello"))!.text(), "hello\n");
  for (let i = 0; i < 2; i++) {
    await pause();
    await assert.rejects(ask(guest, "/hello"), { status: 500, message: /unreachable/ });
  }
  assert.ok(!guest.isEnded);
});

/** Returns the threads of workers. */
function workerThreads(): string[] {
  return [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name).filter((id) => {
    try {
      return Deno.readTextFileSync(`/proc/self/task/${id}/comm`).startsWith("worker-");
    } catch {
      return false; // It has just ended.
    }
  });
}

Deno.test({
  name: "GuestThread.stop ends the thread of a guest that computes",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const before = new Set(workerThreads());
    using guest = await startGuest();
    const threads = workerThreads().filter((id) => !before.has(id));
    assert.equal(threads.length, 1);
    const answered = assert.rejects(ask(guest, "/busy"), { status: 503 });
    while (!guest.isBlocked) await pause();
    guest.stop();
    await answered;
    while (workerThreads().includes(threads[0]!)) await pause();
  },
});

// As in worker_pool_test.ts, what computes without end comes last.
Deno.test("GuestThread.load counts a guest until it ends", async (t) => {
  await t.step("after its client disconnected", async () => {
    let isAnswered = false;
    using _ = quickInterval(WATCH_INTERVAL, () => isAnswered);
    using guest = await startGuest();
    const response = await ask(guest, "/tail");
    isAnswered = true;
    while (!guest.isBlocked) await pause();
    await response!.body!.cancel();
    await assertLoadedUntilEnd(guest);
  });
  await t.step("after its response", async () => {
    let isAnswered = false;
    using _ = quickInterval(WATCH_INTERVAL, () => isAnswered);
    using guest = await startGuest();
    assert.equal(await (await ask(guest, "/after"))!.text(), "hello\n");
    isAnswered = true;
    await assertLoadedUntilEnd(guest);
  });
  await t.step("while it waits after its response", async () => {
    using guest = await startGuest();
    for (let i = 1; i < REQUESTS_PER_THREAD; i++) {
      assert.equal(await (await ask(guest, "/linger"))!.text(), "hello\n");
      assert.equal(guest.load, i);
    }
  });
});
