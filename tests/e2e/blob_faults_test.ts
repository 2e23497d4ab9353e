import assert from "node:assert/strict";
import { archiveOf, blob, image } from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { APP, faultTests, LAYER, LAYER_PATH, MANIFEST } from "../support/registry/fault_cases.ts";
import {
  endlessBody,
  gzipEncoded,
  html,
  longBody,
  resetAfter,
  shortBody,
  shortChunks,
  truncatedAfter,
  withHeader,
  wrongBytes,
} from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const length = LAYER.bytes.length;

faultTests("pull exits with 5 on a blob with the wrong content and keeps none of it", [
  {
    name: "wrong bytes",
    on: LAYER_PATH,
    fault: wrongBytes,
    code: 5,
    error: "LDR_DIGEST_MISMATCH",
  },
  {
    name: "too short, every time",
    on: LAYER_PATH,
    fault: shortBody(1000),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  {
    name: "too short without a length, every time",
    on: LAYER_PATH,
    fault: shortChunks(1000),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  {
    name: "empty, every time",
    on: LAYER_PATH,
    fault: shortBody(0),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  {
    name: "too long",
    on: LAYER_PATH,
    fault: longBody(new Uint8Array(5)),
    code: 5,
    error: "LDR_SIZE_MISMATCH",
  },
  { name: "endless", on: LAYER_PATH, fault: endlessBody, code: 5, error: "LDR_SIZE_MISMATCH" },
  { name: "a web page", on: LAYER_PATH, fault: html, code: 5, error: "LDR_SIZE_MISMATCH" },
]);

faultTests("pull resumes a download where the connection broke", [
  { name: "cut short once", on: LAYER_PATH, fault: truncatedAfter(1000), times: 1, code: 0 },
  { name: "cut short at nothing", on: LAYER_PATH, fault: truncatedAfter(0), times: 1, code: 0 },
  {
    name: "reset in the middle once",
    on: LAYER_PATH,
    fault: resetAfter(length / 2),
    times: 1,
    code: 0,
  },
  { name: "reset at nothing", on: LAYER_PATH, fault: resetAfter(0), times: 1, code: 0 },
  { name: "too short once", on: LAYER_PATH, fault: shortChunks(1000), times: 1, code: 0 },
  { name: "reset in the manifest", on: MANIFEST, fault: resetAfter(10), times: 1, code: 0 },
  {
    name: "a manifest that is cut short",
    on: MANIFEST,
    fault: truncatedAfter(10),
    times: 1,
    code: 0,
  },
]);

faultTests("pull exits with 6 if the connection breaks every time", [
  {
    name: "reset in the layer",
    on: LAYER_PATH,
    fault: resetAfter(0),
    code: 6,
    error: "LDR_UNREACHABLE",
  },
  {
    name: "reset in the manifest",
    on: MANIFEST,
    fault: resetAfter(10),
    code: 6,
    error: "LDR_UNREACHABLE",
  },
  {
    name: "the manifest is cut short",
    on: MANIFEST,
    fault: truncatedAfter(10),
    code: 6,
    error: "LDR_UNREACHABLE",
  },
]);

faultTests("pull rejects a response that is gzipped without being requested so", [
  { name: "of a blob", on: LAYER_PATH, fault: gzipEncoded, code: 5, error: "LDR_SIZE_MISMATCH" },
  { name: "of a manifest", on: MANIFEST, fault: gzipEncoded, code: 1, error: "LDR_BAD_MANIFEST" },
]);

Deno.test("pull does not decompress a gzipped layer with Content-Encoding: gzip", async () => {
  // Object stores send this header for files uploaded with it; the bytes are those of the blob.
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const layer = blob(await archiveOf({ "a.txt": "compressed once".repeat(100) }));
  registry.fail("/blobs/", withHeader("Content-Encoding", "gzip"));
  const config = blob(await archiveOf({}), "application/vnd.example.config");
  const result = await user.larder(["pull", registry.add("app", image([layer], { config }), "v1")]);
  assert.equal(result.code, 0, result.stderr);
  assertStoreSound(user.registry);
});

Deno.test("pull requests a blob with wrong bytes once", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  registry.fail(LAYER_PATH, wrongBytes);
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 5, result.stderr);
  assert.equal(registry.requests(LAYER_PATH).length, 1);
  assert.ok(result.stderr.includes(LAYER.descriptor.digest));
});

Deno.test("pull keeps the cached content if the new content is bad", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const old = image(["old"]);
  const reference = registry.add("app", old, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  registry.add("app", APP, "v1");
  registry.fail(LAYER_PATH, wrongBytes);
  assert.equal((await user.larder(["pull", reference])).code, 5);
  assertStoreSound(user.registry);
  const offline = await user.larder(["pull", "--offline", reference]);
  assert.equal(offline.code, 0, offline.stderr);
  assert.equal(offline.stdout, `${reference}@${old.descriptor.digest}\n`);
});
