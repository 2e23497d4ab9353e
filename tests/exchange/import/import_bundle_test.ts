import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../../src/base/concurrency.ts";
import { importBundle } from "../../../src/exchange/import/import_bundle.ts";
import { nameEntries } from "../../../src/exchange/import/name_entries.ts";
import { openBundle } from "../../../src/exchange/read/open_source.ts";
import { Layout } from "../../../src/store/layout.ts";
import { image } from "../../support/cache/artifacts.ts";
import { layoutOf, writeFiles } from "../../support/cache/image_layouts.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("importBundle counts what another import wrote meanwhile as reused", async () => {
  using folder = new TemporaryFolder();
  const artifact = image(["one", "two", "three"]);
  const path = writeFiles(
    join(folder.path, "bundle"),
    layoutOf({ artifact, name: "ghcr.io/acme/app:v1" }),
  );
  const layout = new Layout(join(folder.path, "registry"));
  const one = async () => {
    using bundle = (await openBundle(path, { cache: layout, note: () => {} }))!;
    const named = nameEntries(path, bundle.plan, undefined);
    return await importBundle({ ...bundle, named }, { layout, clock: systemClock });
  };
  const results = await Promise.all([one(), one()]);
  const all = artifact.blobs.length;
  assert.equal(results.reduce((sum, { added }) => sum + added.blobs, 0), all);
  for (const { added, reused } of results) assert.equal(added.blobs + reused.blobs, all);
});
