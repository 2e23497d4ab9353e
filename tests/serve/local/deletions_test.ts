import assert from "node:assert/strict";
import { join } from "node:path";
import { statIfAny } from "../../../src/base/files/files.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { removeEntry } from "../../../src/store/entries/remove_entry.ts";
import { EntryLock } from "../../../src/store/locks/entry_lock.ts";
import { until } from "../../support/until.ts";
import { image, multiPlatform } from "../../support/cache/artifacts.ts";
import { push } from "../../support/registry/push.ts";
import { TestService } from "../../support/registry/test_service.ts";
import { Journal } from "../../../src/store/journal/journal.ts";

const APP = image(["one"]);
const { digest: DIGEST } = APP.descriptor;
const LAYER = APP.blobs[1]!.descriptor.digest;
const DELETE = { method: "DELETE" };

async function serviceWithTags(...tags: string[]): Promise<TestService> {
  const service = await TestService.start();
  for (const tag of tags) await push(service.url, "local/app", APP, tag);
  return service;
}

Deno.test("deleting a tag leaves the manifest, and its other tags", async () => {
  await using service = await serviceWithTags("v1", "v2");
  await service.bytes("local/app/manifests/v1", 202, DELETE);
  assert.equal(await service.error("local/app/manifests/v1"), "404 MANIFEST_UNKNOWN");
  assert.equal(await service.error("local/app/manifests/v1", DELETE), "404 MANIFEST_UNKNOWN");
  assert.deepEqual(await service.bytes("local/app/manifests/v2"), APP.bytes);
  assert.deepEqual(await service.bytes(`local/app/manifests/${DIGEST}`), APP.bytes);
  assert.deepEqual(await (await service.request("local/app/tags/list")).json(), {
    name: "local/app",
    tags: ["v2"],
  });
});

Deno.test("deleting a manifest deletes its tags, and no blob of another repository", async () => {
  await using service = await serviceWithTags("v1", "v2");
  const other = image(["other"]);
  await push(service.url, "local/app", other, "v3");
  await push(service.url, "local/copy", APP, "v1");
  await service.bytes(`local/app/manifests/${DIGEST}`, 202, DELETE);
  for (const target of ["v1", "v2", DIGEST]) {
    assert.equal(await service.error(`local/app/manifests/${target}`), "404 MANIFEST_UNKNOWN");
  }
  const again = await service.error(`local/app/manifests/${DIGEST}`, DELETE);
  assert.equal(again, "404 MANIFEST_UNKNOWN");
  assert.deepEqual(await service.bytes("local/app/manifests/v3"), other.bytes);
  assert.deepEqual(await service.bytes("local/copy/manifests/v1"), APP.bytes);
  await service.bytes(`local/copy/blobs/${LAYER}`);
});

Deno.test("a blob can be deleted once no manifest of the repository refers to it", async () => {
  await using service = await serviceWithTags("v1");
  await push(service.url, "local/copy", APP, "v1");
  const path = `local/app/blobs/${LAYER}`;
  assert.equal(await service.error(path, DELETE), "405 DENIED");
  await service.bytes(path);
  await service.bytes(`local/app/manifests/${DIGEST}`, 202, DELETE);
  await service.bytes(path, 202, DELETE);
  assert.equal(await service.error(path), "404 BLOB_UNKNOWN");
  assert.equal(service.log.at(-1)!.reason, `${LAYER} was not pushed to local/app`);
  assert.equal(await service.error(path, DELETE), "404 BLOB_UNKNOWN");
  await service.bytes(`local/copy/blobs/${LAYER}`);
});

Deno.test("a pinned tag cannot be deleted", async () => {
  await using service = await serviceWithTags("v1");
  const { layout } = service;
  const pins = { schemaVersion: 1, pins: [{ pattern: "local/*" }] };
  Deno.writeTextFileSync(layout.pins, JSON.stringify(pins));
  for (const target of ["v1", DIGEST]) {
    assert.equal(await service.error(`local/app/manifests/${target}`, DELETE), "403 DENIED");
  }
  assert.deepEqual(await service.bytes("local/app/manifests/v1"), APP.bytes);
});

Deno.test("a manifest cannot be deleted while the index of an entry refers to it", async () => {
  await using service = await TestService.start();
  const index = multiPlatform("linux/amd64", "linux/arm64");
  const [child] = index.children;
  await push(service.url, "local/app", index, "all");
  await push(service.url, "local/app", child!, "one");
  const path = `local/app/manifests/${child!.descriptor.digest}`;
  assert.equal(await service.error(path, DELETE), "405 DENIED");
  assert.deepEqual(await service.bytes("local/app/manifests/one"), child!.bytes);
  await service.bytes("local/app/manifests/all", 202, DELETE);
  await service.bytes(path, 202, DELETE);
  assert.equal(await service.error("local/app/manifests/one"), "404 MANIFEST_UNKNOWN");
});

Deno.test("pushes, uses and deletions are in the journal", async () => {
  await using service = await serviceWithTags("v1");
  await service.bytes("local/app/manifests/v1");
  await service.bytes("local/app/manifests/v1", 202, DELETE);
  await service.stop();
  const events = new Journal(service.layout).read().map((event) =>
    "name" in event ? `${event.kind} ${event.name} ${event.digest === DIGEST}` : event.kind
  );
  const name = "local/app:v1 true";
  assert.deepEqual(events.sort(), [`deletion ${name}`, `push ${name}`, `use ${name}`]);
});

Deno.test("a manifest that another process deletes while it is pushed is written again", async () => {
  await using service = await serviceWithTags("v1");
  const moved = image(["two"]);
  await push(service.url, "local/app", moved, "v2");
  await service.bytes(`local/app/manifests/${moved.descriptor.digest}`, 202, DELETE);
  const repository = { registry: "local", repository: "app" };
  const folders = [
    service.layout.tagFolder(repository, "v1"),
    service.layout.digestFolder(repository, moved.descriptor.digest as Digest),
  ];
  const remove = async (folder: string) => await Deno.remove(folder, { recursive: true });
  const lock = await EntryLock.take(folders[0]!);
  const headers = { "content-type": moved.descriptor.mediaType };
  const init = { method: "PUT", body: moved.bytes as BodyInit, headers };
  const pushing = service.bytes("local/app/manifests/v1", 201, init);
  await until(() => statIfAny(join(folders[1]!, "manifest.json")) !== undefined);
  const deleting = removeEntry(folders[0]!);
  for (const folder of folders) await remove(folder);
  lock[Symbol.dispose]();
  await pushing;
  await deleting;
  assert.deepEqual(
    await service.bytes(`local/app/manifests/${moved.descriptor.digest}`),
    moved.bytes,
  );
});

Deno.test("a deletion by another server on the cache waits for a push that refers to the manifest", async () => {
  await using service = await TestService.start();
  await using other = service.another();
  const index = multiPlatform("linux/amd64", "linux/arm64");
  const [child] = index.children;
  await push(service.url, "local/app", index, "old");
  await service.bytes("local/app/manifests/old", 202, DELETE);
  const repository = { registry: "local", repository: "app" };
  const [tag, digest] = [
    service.layout.tagFolder(repository, "new"),
    service.layout.digestFolder(repository, index.descriptor.digest as Digest),
  ];
  Deno.removeSync(digest, { recursive: true });
  Deno.mkdirSync(tag);
  const lock = await EntryLock.take(tag);
  const headers = { "content-type": index.descriptor.mediaType };
  const init = { method: "PUT", body: index.bytes as BodyInit, headers };
  const pushing = service.bytes("local/app/manifests/new", 201, init);
  await until(() => statIfAny(join(digest, "manifest.json")) !== undefined, pushing);
  const deleting = other.error(`local/app/manifests/${child!.descriptor.digest}`, DELETE);
  // Long enough for a deletion that does not wait.
  await Promise.race([deleting.catch(() => {}), new Promise((end) => setTimeout(end, 200))]);
  lock[Symbol.dispose]();
  await pushing;
  assert.equal(await deleting, "405 DENIED");
  assert.deepEqual(await other.bytes("local/app/manifests/new"), index.bytes);
  await other.bytes(`local/app/manifests/${child!.descriptor.digest}`);
});
