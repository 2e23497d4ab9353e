import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../../src/base/concurrency.ts";
import { importBundle } from "../../../src/exchange/import/import_bundle.ts";
import { nameEntries } from "../../../src/exchange/import/name_entries.ts";
import { openBundle } from "../../../src/exchange/read/open_source.ts";
import { tracePath } from "../../../src/gc/trace.ts";
import { asDigest } from "../../../src/oci/digest.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { ManifestReader } from "../../../src/snapshot/manifest_reader.ts";
import { takeSnapshot } from "../../../src/snapshot/snapshot.ts";
import { Layout, MANIFEST_FILE } from "../../../src/store/layout.ts";
import { expectedFilesOfApp } from "../../../src/verify/expected_app.ts";
import { image, repeated } from "../../support/cache/artifacts.ts";
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

Deno.test("import, verify and why follow each manifest once, however often indexes name it", async () => {
  using folder = new TemporaryFolder();
  const artifact = repeated(image(["once"]), 300, 4); // 8 billion ways to the image.
  const files = layoutOf({ artifact, name: "ghcr.io/acme/app:v1" });
  const path = writeFiles(join(folder.path, "bundle"), files);
  const layout = new Layout(join(folder.path, "registry"));
  using bundle = (await openBundle(path, { cache: layout }))!;
  const named = nameEntries(path, bundle.plan, undefined);
  await importBundle({ ...bundle, named }, { layout, clock: systemClock });
  const snapshot = await takeSnapshot(layout, Date.now());
  const [entry] = snapshot.entries;
  const reference = parseReference(entry!.name);
  const expected = expectedFilesOfApp(layout, new ManifestReader(), entry!, reference);
  assert.deepEqual(expected.faults, []);
  assert.equal(expected.files.length < 20, true);
  assert.equal(tracePath(snapshot, entry!, asDigest(`sha256:${"0".repeat(64)}`)!), undefined);
  for (const digest of [undefined, entry!.record!.manifestDigest]) {
    const folder = digest ? layout.digestFolder(reference, digest) : entry!.folder;
    Deno.removeSync(join(folder, MANIFEST_FILE));
  }
  const [broken] = (await takeSnapshot(layout, Date.now())).entries;
  assert.notEqual(broken?.problem, undefined);
});
