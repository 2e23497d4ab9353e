import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, partials } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import {
  type Fault,
  heldAfter,
  onRange,
  resetAfter,
  status,
  withHeader,
  wrongBytes,
} from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

const LAYER = blob(randomBytes(3 * 1024 * 1024));
const APP = image([LAYER]);
const HALF = LAYER.bytes.length / 2;
/** The `Range` of the second half. */
const RANGE = `bytes=${HALF}-${LAYER.bytes.length - 1}`;
const PATH = `/blobs/${LAYER.descriptor.digest}`;

/** Returns the size of the layer's partial download. */
function partialSize(user: TestUser): number {
  return Deno.statSync(join(user.registry, "partial", LAYER.descriptor.digest)).size;
}

/** Kills a pull after half of the layer, and clears the registry's log. */
async function leavePartial(registry: TestRegistry, user: TestUser, reference: string) {
  const gate = new Gate();
  registry.fail(PATH, heldAfter(HALF, gate), 1);
  await using running = user.spawn(["pull", reference]);
  await gate.reachedBy(running.result);
  const hasHalf = () =>
    partials(user.registry).includes(LAYER.descriptor.digest) && partialSize(user) >= HALF;
  await until(hasHalf, running.result);
  running.kill();
  await running.result;
  gate.open();
  registry.clearLog();
  assert.equal(partialSize(user), HALF);
}

async function pullRest(user: TestUser, reference: string): Promise<void> {
  const result = await user.larder(["pull", reference]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${reference}@${APP.descriptor.digest}\n`);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
}

function ranges(registry: TestRegistry): (string | null)[] {
  return registry.requests(`GET /v2/app${PATH}`).map(({ headers }) => headers.get("range"));
}

Deno.test("pull resumes the download of a killed process", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  await leavePartial(registry, user, reference);
  await pullRest(user, reference);
  assert.deepEqual(ranges(registry), [RANGE]);
});

Deno.test("pull resumes a partial download from another repository", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await leavePartial(registry, user, registry.add("app", APP, "v1"));
  await pullRest(user, registry.add("other", APP, "v1"));
  const [request] = registry.requests(`GET /v2/other${PATH}`);
  assert.equal(request?.headers.get("range"), RANGE);
});

Deno.test("pull resumes a download after each of three broken connections", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const reference = registry.add("app", APP, "v1");
  registry.fail(PATH, resetAfter(512 * 1024), 3);
  await pullRest(user, reference);
  const starts = ranges(registry).map((range) => Number(/\d+/.exec(range ?? "0")?.[0]));
  assert.equal(starts.length, 4);
  assert.deepEqual(starts, starts.toSorted((a, b) => a - b));
  assert.ok(starts[3]! > 0, "the last request started from the beginning");
});

Deno.test("pull gets the right bytes from a server that mishandles ranges", async (t) => {
  const size = LAYER.bytes.length;
  const cases: [string, Fault, (string | null)[]][] = [
    ...[400, 403, 405, 416].map((code): [string, Fault, (string | null)[]] => [
      String(code),
      onRange(status(code)),
      [RANGE, null],
    ]),
    ["500", onRange(status(500)), [...Array(5).fill(RANGE), null]],
    ["206 with the wrong bytes", onRange(wrongBytes), [RANGE, null]],
    [
      "206 with another start",
      onRange(withHeader("Content-Range", `bytes 5-${size - 1}/${size}`)),
      [RANGE, null],
    ],
  ];
  for (const [name, fault, expected] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", APP, "v1");
      await leavePartial(registry, user, reference);
      registry.fail(PATH, fault);
      await pullRest(user, reference);
      assert.deepEqual(ranges(registry), expected);
    });
  }
  await t.step("200 with the whole blob", async () => {
    await using registry = await TestRegistry.start();
    using user = new QuickUser();
    const reference = registry.add("app", APP, "v1");
    await leavePartial(registry, user, reference);
    registry.ranges = false;
    await pullRest(user, reference);
    assert.deepEqual(ranges(registry), [RANGE]);
  });
});

Deno.test("pull gets the right bytes whatever the partial download contains", async (t) => {
  const size = LAYER.bytes.length;
  const cases: [string, Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["other bytes", new Uint8Array(HALF)],
    ["the whole blob", LAYER.bytes],
    ["other bytes of the same length", new Uint8Array(size)],
    ["too many bytes", new Uint8Array(size + 1)],
    ["all but a byte", LAYER.bytes.subarray(0, size - 1)],
  ];
  for (const [name, left] of cases) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      const reference = registry.add("app", APP, "v1");
      const folder = join(user.registry, "partial");
      Deno.mkdirSync(folder, { recursive: true });
      Deno.writeFileSync(join(folder, LAYER.descriptor.digest), left);
      await pullRest(user, reference);
    });
  }
});

Deno.test("pull makes no request for a complete partial download", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const reference = registry.add("app", APP, "v1");
  Deno.mkdirSync(join(user.registry, "partial"), { recursive: true });
  Deno.writeFileSync(join(user.registry, "partial", LAYER.descriptor.digest), LAYER.bytes);
  await pullRest(user, reference);
  assert.deepEqual(ranges(registry), []);
});
