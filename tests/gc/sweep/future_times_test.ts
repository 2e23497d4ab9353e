import assert from "node:assert/strict";
import { join } from "node:path";
import { resetFutureTimes } from "../../../src/gc/sweep/apply.ts";
import { planGc } from "../../../src/gc/planner.ts";
import { takeSnapshot } from "../../../src/snapshot/snapshot.ts";
import { Layout } from "../../../src/store/layout.ts";
import { blob, image } from "../../support/cache/artifacts.ts";
import { DAY, TestCache } from "../../support/cache/test_cache.ts";

/** Sets the mtime of a file a year ahead; its ctime stays the time of this test. */
function fromTheFuture(path: string): void {
  const later = new Date(Date.now() + 365 * DAY);
  Deno.utimeSync(path, later, later);
}

Deno.test("gc --unused evicts an entry whose last use is in the future by the time at which that was written", async () => {
  using home = new TestCache({ now: Date.now() });
  const folder = home.pulled("ghcr.io/acme/future:v1", image(["x"]), { used: 40 * DAY });
  fromTheFuture(join(folder, "record.json"));
  const snapshot = await takeSnapshot(new Layout(home.registry), Date.now() + 40 * DAY);
  const { lastUsed } = snapshot.entries[0]!;
  assert.ok(lastUsed <= Date.now(), new Date(lastUsed).toISOString());
  const plan = planGc(snapshot, { unused: 30 * DAY }, { leases: [] });
  assert.deepEqual(plan.remove.entries.map(({ rule }) => rule), ["unused"]);
  assert.equal(plan.keep.length, 0);
});

Deno.test("gc removes unreferenced blobs and downloads whose times are in the future", async () => {
  using home = new TestCache({ now: Date.now() });
  const orphan = blob("from the future");
  home.blobs([orphan]);
  const download = home.write(`partial/${orphan.descriptor.digest}`, "half");
  const path = join(home.registry, "data", orphan.descriptor.digest);
  for (const each of [path, download]) fromTheFuture(each);
  // In 8 days both are old, though their mtimes are still in the future.
  const snapshot = await takeSnapshot(new Layout(home.registry), Date.now() + 8 * DAY);
  const { remove } = planGc(snapshot, {}, { leases: [] });
  assert.ok(remove.contents.some((content) => content.path === path));
  assert.equal(remove.partials.length, 1);
});

Deno.test("gc lets an entry grow old that has no time in the past", async () => {
  using home = new TestCache({ now: Date.now() });
  const folder = home.pulled("ghcr.io/acme/future:v1", image(["x"]));
  const record = join(folder, "record.json");
  // As if the clock of this machine had been a year ahead: to the snapshot, all times are in the future.
  const then = Date.now() - 365 * DAY;
  const snapshot = await takeSnapshot(new Layout(home.registry), then);
  resetFutureTimes(snapshot);
  assert.equal(Deno.statSync(record).mtime!.getTime(), then);
  const later = await takeSnapshot(new Layout(home.registry), then + 40 * DAY);
  assert.equal(later.entries[0]!.lastUsed, then);
  resetFutureTimes(later);
  assert.equal(Deno.statSync(record).mtime!.getTime(), then);
});
