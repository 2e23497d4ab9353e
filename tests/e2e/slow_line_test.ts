import assert from "node:assert/strict";
import { join } from "node:path";
import { sleep } from "../../src/base/concurrency.ts";
import { rangeOf } from "../../src/pull/transfer/range_reader.ts";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { type Fault, onRange, resetAfter, status, wrongBytes } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const COUNT = 16;
const RANGE = rangeOf(0);
/** Bytes that arrive together; the whole first range takes long enough to be slow on any machine. */
const DROP = 2048;
const LAYER = blob(randomBytes(COUNT * RANGE));
const APP = image([LAYER]);
const PATH = `/blobs/${LAYER.descriptor.digest}`;
const range = (start: number) => `bytes=${start * RANGE}-${(start + 1) * RANGE - 1}`;
const AHEAD = Array.from({ length: COUNT - 1 }, (_, i) => range(i + 1));

/**
 * Sends the first range in drops until all that follow it are requested, and applies `fault` to these, which are held
 * until then.
 */
function slowLine(fault: Fault): { fault: Fault; ahead: Gate } {
  const waiting = new Set(AHEAD);
  const ahead = new Gate();
  const slow: Fault = async (answer, request) => {
    const asked = request.headers.get("range");
    if (asked === range(0)) return drops(answer, () => waiting.size === 0);
    const isAhead = waiting.delete(asked ?? "");
    if (waiting.size === 0) ahead.open();
    if (!isAhead) return answer;
    await ahead.pass();
    return await fault(answer, request);
  };
  return { fault: slow, ahead };
}

function drops(answer: Parameters<Fault>[0], isEnough: () => boolean): ReturnType<Fault> {
  return {
    ...answer,
    async send(wire, body) {
      let at = 0;
      for (; wire.isOpen && at < body.length && !isEnough(); at += DROP) {
        await wire.write(body.subarray(at, at + DROP));
        await sleep(10);
      }
      await wire.write(body.subarray(at));
    },
  };
}

function ranges(registry: TestRegistry): (string | null)[] {
  return registry.requests(`GET /v2/app${PATH}`).map(({ headers }) => headers.get("range"));
}

async function pull(registry: TestRegistry, user: TestUser): Promise<void> {
  const reference = registry.reference("app", "v1");
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${reference}@${APP.descriptor.digest}\n`);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
}

Deno.test("pull requests ranges of a blob in parallel over a slow line", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  registry.add("app", APP, "v1");
  registry.fail(PATH, slowLine((answer) => answer).fault);
  await pull(registry, user);
  assert.deepEqual(ranges(registry).toSorted(), [range(0), ...AHEAD].toSorted());
});

for (
  const [name, fault] of [
    ["refuses more connections", status(503, { "Retry-After": "3600" })],
    ["denies ranges", onRange(status(403))],
    ["resets connections", resetAfter(100_000)],
    ["sends wrong bytes for ranges", onRange(wrongBytes)],
  ] as const
) {
  Deno.test(`pull over a slow line succeeds if the server ${name}`, async () => {
    await using registry = await TestRegistry.start();
    using user = new QuickUser();
    registry.add("app", APP, "v1");
    registry.fail(PATH, slowLine(fault).fault);
    await pull(registry, user);
  });
}

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test(`pull over a slow line continues after ${signal}`, async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const reference = registry.add("app", APP, "v1");
    const last = new Gate();
    const { fault } = slowLine(async (answer, request) => {
      // All but the second range have arrived, and must not be in the file.
      if (request.headers.get("range") === range(1)) await last.pass();
      return answer;
    });
    registry.fail(PATH, fault);
    await using running = user.spawn(["pull", reference]);
    await last.reachedBy(running.result);
    running.kill(signal);
    const result = await running.result;
    last.open();
    if (signal === "SIGINT") assert.equal(result.code, 130, result.stderr);
    const partial = Deno.readFileSync(join(user.registry, "partial", LAYER.descriptor.digest));
    assert.ok(partial.length <= RANGE);
    assert.deepEqual(partial, LAYER.bytes.subarray(0, partial.length));
    registry.heal();
    registry.clearLog();
    await pull(registry, user);
    // Requests of the process that was stopped may be logged late.
    const isRest = (asked: string | null) => asked?.startsWith(`bytes=${partial.length}-`);
    assert.ok(ranges(registry).some(isRest), ranges(registry).join());
  });
}
