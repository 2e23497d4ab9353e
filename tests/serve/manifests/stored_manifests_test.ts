import assert from "node:assert/strict";
import { parseManifest } from "../../../src/oci/manifest.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { StoredManifests } from "../../../src/serve/manifests/stored_manifests.ts";
import { Layout } from "../../../src/store/layout.ts";
import { ManifestStore } from "../../../src/store/manifest_store.ts";
import { image } from "../../support/cache/artifacts.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("StoredManifests knows which manifests the cache has, and which only this process", async () => {
  using folder = new TemporaryFolder();
  const layout = new Layout(folder.path);
  const store = new ManifestStore(layout);
  const stored = new StoredManifests(layout, store);
  const repository = parseReference("ghcr.io/acme/app");
  const { bytes, descriptor } = image(["one"]);
  const manifest = parseManifest(bytes, "app", descriptor.mediaType);
  const { digest } = manifest;
  assert.equal(await stored.isStored(repository, digest), false, "unknown");
  stored.keepInMemory(repository, manifest);
  assert.deepEqual(await stored.find(repository, digest), manifest);
  assert.equal(await stored.isStored(repository, digest), false, "in memory");
  store.publishManifest({ ...repository, digest }, manifest);
  assert.equal(await stored.isStored(repository, digest), true, "in the cache");
  const other = parseReference("ghcr.io/acme/other");
  assert.equal(await stored.find(other, digest), undefined, "of another repository");
});
