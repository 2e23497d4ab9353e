import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { formatPlan, isEmptyPlan, parsePlan, type Plan, planFiles } from "../../src/gc/plan.ts";
import { planGc } from "../../src/gc/planner.ts";
import { Layout } from "../../src/store/layout.ts";
import { image } from "../support/cache/artifacts.ts";
import { fakeSnapshot } from "../support/cache/fake_snapshot.ts";
import { clearPlan, gcPlan } from "../support/cache/plans.ts";
import { DAY, HOUR, TestCache } from "../support/cache/test_cache.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);

class PlannedCache extends TestCache {
  readonly layout = new Layout(this.registry);

  gc(policy = {}): Promise<Plan> {
    return gcPlan(this.layout, this.now, policy);
  }
}

function filled(): PlannedCache {
  const cache = new PlannedCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: 40 * DAY });
  cache.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY, pinned: true });
  cache.write(`partial/${ONE.descriptor.digest}`, "half", 8 * DAY);
  cache.write("manifests/ghcr.io/acme/app/v2/record.json.tmp", "rest", 2 * HOUR);
  cache.write("manifests/ghcr.io/acme/app/.changes.tmp", "", 2 * HOUR);
  return cache;
}

Deno.test("planGc lists removals with their times and sizes, and why the rest is kept", async () => {
  using cache = filled();
  const plan = await cache.gc({ unused: 30 * DAY });
  const { digest } = ONE.descriptor;
  const old = cache.now - 40 * DAY;
  const layer = ONE.blobs[1]!.descriptor;
  const config = ONE.blobs[0]!.descriptor;
  assert.deepEqual(plan.remove.entries.map(({ bytes: _, ...entry }) => entry), [{
    type: "image",
    name: "ghcr.io/acme/app:v1",
    path: "manifests/ghcr.io/acme/app/v1",
    digest,
    stamp: old,
    pinned: false,
    rule: "unused",
    why: "unused for 40d; the limit is 30d",
  }]);
  const contents = [
    { path: `data/${layer.digest}`, size: layer.size, mtime: old },
    { path: `data/${config.digest}`, size: config.size, mtime: old },
    {
      path: `manifests/ghcr.io/acme/app/${digest}`,
      size: ONE.bytes.length + config.size,
      mtime: old,
    },
  ];
  assert.deepEqual(
    plan.remove.contents,
    contents.toSorted((a, b) => a.path < b.path ? -1 : 1),
  );
  assert.deepEqual(plan.remove.partials, [
    { path: `partial/${digest}`, size: 4, mtime: cache.now - 8 * DAY },
  ]);
  assert.deepEqual(plan.remove.rubbish.map(({ path }) => path).sort(), [
    "manifests/ghcr.io/acme/app/.changes.tmp",
    "manifests/ghcr.io/acme/app/v2/record.json.tmp",
  ]);
  assert.deepEqual(plan.keep.map(({ name, rule, why }) => ({ name, rule, why })), [
    { name: "ghcr.io/acme/app:v2", rule: "pinned", why: "pinned" },
  ]);
  assert.equal(plan.root, cache.registry);
  assert.equal(plan.bytes, plan.remove.entries[0]!.bytes + 4 + 4);
});

Deno.test("planGc keeps downloads for a week unless max-size needs their space, and young files", async () => {
  using cache = new PlannedCache();
  cache.write(`partial/${ONE.descriptor.digest}`, "half", 7 * DAY - 1000);
  cache.write(`data/${TWO.blobs[1]!.descriptor.digest}`, "another layer", HOUR - 1000);
  cache.write("manifests/ghcr.io/acme/app/v2/record.json.tmp", "rest", HOUR - 1000);
  assert.ok(isEmptyPlan(await cache.gc({ unused: 0 })));
  const plan = await cache.gc({ maxSize: 0 });
  assert.deepEqual(plan.remove.partials.map(({ size }) => size), [4]);
  assert.equal(plan.bytes, 4);
});

Deno.test("planClean removes young downloads and orphans only with everything", async () => {
  using cache = filled();
  const orphan = `data/sha256:${"0".repeat(64)}`;
  const partial = `partial/${TWO.descriptor.digest}`;
  for (const path of [orphan, partial]) cache.write(path, "just now");
  const all = await clearPlan(cache.layout, cache.now, { everything: true, includePinned: true });
  assert.equal(all.bytes, cache.size());
  const named = await clearPlan(cache.layout, cache.now, { includePinned: true });
  assert.equal(named.bytes, cache.size() - 2 * "just now".length);
  assert.equal(named.remove.entries.length, 2);
});

Deno.test("planGc stats no referenced content of an old tree, and planFiles all that is removed", () => {
  const old = { name: "ghcr.io/acme/app:v1", needs: ["a", "b"] };
  const snapshot = fakeSnapshot([old], { a: 100, b: 200, orphan: 50 });
  const stated = new Set<number>();
  const contents = snapshot.contents.map((content) => ({
    ...content,
    lastArrival: 0,
    state: () => {
      stated.add(content.size);
      return content.state();
    },
  }));
  const draft = planGc({ ...snapshot, contents }, { unused: DAY }, { leases: [] });
  assert.deepEqual([draft.remove.contents.length, draft.bytes], [3, 350]);
  assert.deepEqual([...stated], [50]);
  const { remove } = planFiles(snapshot.layout, draft);
  assert.deepEqual([...stated].sort(), [100, 200, 50]);
  assert.deepEqual(remove.contents.map(({ size }) => size).sort(), [100, 200, 50]);
});

Deno.test("parsePlan reads what formatPlan wrote", async () => {
  using cache = filled();
  const plan = await cache.gc({ unused: 30 * DAY, maxSize: 1 });
  assert.ok(plan.shortfalls.length > 0);
  assert.deepEqual(parsePlan(formatPlan(plan), "plan.json", cache.layout), plan);
});

Deno.test("parsePlan reads a plan without keptFiles, as earlier builds wrote it", async () => {
  using cache = filled();
  const { keptFiles, ...plan } = await cache.gc({ unused: 0 });
  const text = JSON.stringify(plan);
  assert.deepEqual(parsePlan(text, "plan.json", cache.layout), { ...plan, keptFiles: [] });
  assert.deepEqual(keptFiles, []);
});

const NO_STAMP = (plan: Plan) => {
  const entries = plan.remove.entries.map(({ stamp: _, ...rest }) => rest);
  return { ...plan, remove: { ...plan.remove, entries } };
};

/** What is wrong with a text, how it is made of a plan, and the reason that is told. */
const BAD_PLANS: [string, (plan: Plan) => unknown, string][] = [
  ["an empty text", () => "", "it is empty"],
  ["text that is not JSON", () => "{", "it is not JSON"],
  ["a list", () => "[]", "it is JSON of something else"],
  ["null", () => "null", "it is JSON of something else"],
  ["an empty object", () => ({}), "it is JSON of something else"],
  ["a newer schema", (plan) => ({ ...plan, schemaVersion: 3 }), "a newer larder made it"],
  [
    "an earlier schema",
    (plan) => ({ ...plan, schemaVersion: 1 }),
    "an earlier larder made it, which called entries differently",
  ],
  ["an unknown member", (plan) => ({ ...plan, force: true }), "force is unknown"],
  ["an entry without its stamp", NO_STAMP, "remove.entries.0.stamp is missing"],
  ["a negative size", (plan) => ({ ...plan, bytes: -1 }), "bytes is -1, which is not valid"],
];

for (const [name, change, reason] of BAD_PLANS) {
  Deno.test(`parsePlan rejects ${name} and says why in its own words`, async () => {
    using cache = filled();
    const changed = change(await cache.gc({ unused: 0 }));
    const text = typeof changed === "string" ? changed : JSON.stringify(changed);
    assert.throws(() => parsePlan(text, "plan.json", cache.layout), {
      code: "LDR_USAGE",
      message: `plan.json is not a plan for this larder: ${reason}`,
      hint: "make a new one with larder gc --plan FILE",
    });
  });
}

Deno.test("parsePlan rejects a plan for another cache and names that cache", async () => {
  using cache = filled();
  const text = formatPlan(await cache.gc());
  assert.throws(
    () => parsePlan(text, "plan.json", new Layout("/elsewhere/registry")),
    (error) => hasCode(error, "LDR_USAGE") && error.message.includes(cache.registry),
  );
});
