import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { formatPlan, isEmptyPlan, parsePlan, type Plan } from "../../src/gc/plan.ts";
import { Layout } from "../../src/store/layout.ts";
import { image } from "../support/cache/artifacts.ts";
import { clearPlan, gcPlan } from "../support/cache/plans.ts";
import { CacheFolder, DAY, HOUR } from "../support/cache/cache_folder.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);

class Bench extends CacheFolder {
  readonly layout = new Layout(this.registry);

  gc(policy = {}): Promise<Plan> {
    return gcPlan(this.layout, this.now, policy);
  }
}

function filled(): Bench {
  const bench = new Bench();
  bench.pulled("ghcr.io/acme/app:v1", ONE, { used: 40 * DAY });
  bench.pulled("ghcr.io/acme/app:v2", TWO, { used: DAY, pinned: true });
  bench.write(`partial/${ONE.descriptor.digest}`, "half", 8 * DAY);
  bench.write("manifests/ghcr.io/acme/app/v2/record.json.tmp", "rest", 2 * HOUR);
  return bench;
}

Deno.test("a plan lists what goes with its time and size, and why the rest stays", async () => {
  using bench = filled();
  const plan = await bench.gc({ unused: 30 * DAY });
  const { digest } = ONE.descriptor;
  const old = bench.now - 40 * DAY;
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
    { path: `partial/${digest}`, size: 4, mtime: bench.now - 8 * DAY },
  ]);
  assert.deepEqual(plan.remove.rubbish.map(({ path }) => path), [
    "manifests/ghcr.io/acme/app/v2/record.json.tmp",
  ]);
  assert.deepEqual(plan.keep.map(({ name, rule, why }) => ({ name, rule, why })), [
    { name: "ghcr.io/acme/app:v2", rule: "pinned", why: "pinned" },
  ]);
  assert.equal(plan.root, bench.registry);
  assert.equal(plan.bytes, plan.remove.entries[0]!.bytes + 4 + 4);
});

Deno.test("downloads that were broken off within a week, and what was written within the hour, stay unless a size asks for the downloads", async () => {
  using bench = new Bench();
  bench.write(`partial/${ONE.descriptor.digest}`, "half", 7 * DAY - 1000);
  bench.write(`data/${TWO.blobs[1]!.descriptor.digest}`, "another layer", HOUR - 1000);
  bench.write("manifests/ghcr.io/acme/app/v2/record.json.tmp", "rest", HOUR - 1000);
  assert.ok(isEmptyPlan(await bench.gc({ unused: 0 })));
  const plan = await bench.gc({ maxSize: 0 });
  assert.deepEqual(plan.remove.partials.map(({ size }) => size), [4]);
  assert.equal(plan.bytes, 4);
});

Deno.test("who clears the cache means downloads and orphans too, who names entries does not", async () => {
  using bench = filled();
  const orphan = `data/sha256:${"0".repeat(64)}`;
  const partial = `partial/${TWO.descriptor.digest}`;
  for (const path of [orphan, partial]) bench.write(path, "just now");
  const all = await clearPlan(bench.layout, bench.now, { everything: true, includePinned: true });
  assert.equal(all.bytes, bench.size());
  const named = await clearPlan(bench.layout, bench.now, { includePinned: true });
  assert.equal(named.bytes, bench.size() - 2 * "just now".length);
  assert.equal(named.remove.entries.length, 2);
});

Deno.test("a plan is read back as it was written", async () => {
  using bench = filled();
  const plan = await bench.gc({ unused: 30 * DAY, maxSize: 1 });
  assert.ok(plan.shortfalls.length > 0);
  assert.deepEqual(parsePlan(formatPlan(plan), "plan.json", bench.layout), plan);
});

for (
  const [name, change] of [
    ["no JSON", () => "{"],
    ["another document", () => "[]"],
    ["a later schema", (plan: Plan) => ({ ...plan, schemaVersion: 2 })],
    ["a member that nobody knows", (plan: Plan) => ({ ...plan, force: true })],
    ["an entry without its stamp", (plan: Plan) => {
      const entries = plan.remove.entries.map(({ stamp: _, ...rest }) => rest);
      return { ...plan, remove: { ...plan.remove, entries } };
    }],
    ["a negative size", (plan: Plan) => ({ ...plan, bytes: -1 })],
  ] as const
) {
  Deno.test(`what is no plan is refused: ${name}`, async () => {
    using bench = filled();
    const changed = change(await bench.gc({ unused: 0 }));
    const text = typeof changed === "string" ? changed : JSON.stringify(changed);
    assert.throws(
      () => parsePlan(text, "plan.json", bench.layout),
      (error) => hasCode(error, "LDR_USAGE") && /plan\.json is not a plan/.test(error.message),
    );
  });
}

Deno.test("a plan for another cache is refused, and says which it is for", async () => {
  using bench = filled();
  const text = formatPlan(await bench.gc());
  assert.throws(
    () => parsePlan(text, "plan.json", new Layout("/elsewhere/registry")),
    (error) => hasCode(error, "LDR_USAGE") && error.message.includes(bench.registry),
  );
});
