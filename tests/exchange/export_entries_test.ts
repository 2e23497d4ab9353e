import assert from "node:assert/strict";
import { join } from "node:path";
import { exportEntries } from "../../src/exchange/export_entries.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import { Layout } from "../../src/store/layout.ts";
import { image } from "../support/cache/artifacts.ts";
import { TestCache } from "../support/cache/test_cache.ts";
import { failureOf } from "../support/failure_of.ts";

Deno.test("exportEntries leaves out what was removed after the cache was read, if a glob named it", async () => {
  using cache = new TestCache();
  const layout = new Layout(cache.registry);
  cache.pulled("ghcr.io/acme/one:v1", image(["one"]));
  const folder = cache.pulled("ghcr.io/acme/two:v1", image(["two"]));
  const { entries } = await takeSnapshot(layout, cache.now);
  Deno.removeSync(folder, { recursive: true });
  const write = async (name: string, leavesOutRemoved: boolean, selected = entries) => {
    const destination = { form: "folder", path: join(cache.path, name) } as const;
    const options = { leavesOutRemoved, writeOut: () => {} };
    const result = await exportEntries(layout, selected, destination, options);
    return result.entries.map((entry) => entry.name);
  };
  assert.deepEqual(await write("globs", true), ["ghcr.io/acme/one:v1"]);
  const removed = "ghcr.io/acme/two:v1 was removed from the cache meanwhile";
  const two = entries.filter(({ name }) => name.includes("two"));
  for (const run of [() => write("names", false), () => write("nothing", true, two)]) {
    const { code, message } = await failureOf(run());
    assert.deepEqual([code, message], ["LDR_NOT_CACHED", removed]);
  }
});
