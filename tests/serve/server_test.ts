import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { Gate } from "../support/gate.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { TestService, VIA } from "../support/registry/test_service.ts";

const LAYER = blob(randomBytes(300_000));
const PATH = `app/blobs/${LAYER.descriptor.digest}`;

Deno.test("the server refuses requests above its limit until others have ended", async () => {
  await using service = await TestService.start({ maxRequests: 2 });
  service.registry.add("app", image([LAYER]), "v1");
  await service.bytes("app/manifests/v1");
  const gate = new Gate();
  service.registry.fail("/blobs/", heldAfter(150_000, gate));
  const responses = await Promise.all([service.request(PATH), service.request(PATH)]);
  const refused = await service.request(PATH);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.deepEqual([refused.status, (await refused.json()).errors[0].code], [503, "UNAVAILABLE"]);
  await service.healthy();
  gate.open();
  for (const response of responses) {
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), LAYER.bytes);
  }
  // A response has ended for the server a moment after it has for the client.
  let status = 503;
  while (status === 503) status = (await service.request(PATH, { method: "HEAD" })).status;
  assert.equal(status, 200);
});

Deno.test("the server does not wait for itself if it is its own mirror by another name", async () => {
  await using service = await TestService.start();
  service.registry.add("app", image([LAYER]), "v1");
  const headers = { via: `1.1 proxy, ${VIA}, 1.1 other` };
  assert.equal(await service.error("app/manifests/v1", { headers }), "404 MANIFEST_UNKNOWN");
  assert.equal(await service.error(PATH, { headers }), "404 BLOB_UNKNOWN");
  assert.deepEqual(service.registry.requests(), []);
  await service.bytes("app/manifests/v1", 200, { headers: { via: "1.1 larder-other" } });
});
