import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../../src/base/errors.ts";
import { TRIES } from "../../src/base/tries.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { RegistryClient } from "../../src/registry/client.ts";
import { FetchTransport } from "../../src/registry/http/clients/fetch_transport.ts";
import { RedirectTransport } from "../../src/registry/http/redirects.ts";
import { SchemeTransport } from "../../src/registry/http/scheme.ts";
import { image, type TestBlob } from "../support/cache/artifacts.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { WatchedAbort } from "../support/listeners.ts";
import * as faults from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const ARTIFACT = image(["a layer"]);
const DIGEST = ARTIFACT.descriptor.digest as Digest;
const LAYER = ARTIFACT.blobs.at(-1)!;
const SIZE = LAYER.bytes.length;
const blobOf = ({ descriptor }: TestBlob) => ({
  ...descriptor,
  digest: descriptor.digest as Digest,
});
const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);

/** Runs a client with a fixture registry over sockets, with every transport but the retries. */
async function withRegistry(
  body: (registry: TestRegistry, client: RegistryClient) => Promise<void>,
): Promise<void> {
  await using registry = await TestRegistry.start();
  using sockets = new FetchTransport({ stallTimeout: 5000 });
  const transport = new SchemeTransport(new RedirectTransport(sockets));
  const authorizer = {
    current: () => "Bearer very-secret",
    authorize: () => Promise.reject(new Error("refused")),
  };
  await body(
    registry,
    new RegistryClient({ transport, authorizer, clock: new FakeClock(), stallTimeout: 5000 }),
  );
}

Deno.test("Repository reads a manifest and a blob over the wire", async () => {
  await withRegistry(async (registry, client) => {
    registry.add("team/app", ARTIFACT, "v1");
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    assert.equal(await repository.head("v1"), DIGEST);
    assert.equal((await repository.manifest("v1")).digest, DIGEST);
    const content = await repository.fetch(blobOf(LAYER), 2);
    assert.equal(content.offset, 2);
    let length = 0;
    for await (const chunk of content.chunks) length += chunk.length;
    assert.equal(length, SIZE - 2);
  });
});

Deno.test("Repository.manifest stops reading an endless body over the wire", async () => {
  await withRegistry(async (registry, client) => {
    registry.add("team/app", ARTIFACT, "v1");
    registry.fail("/manifests/", faults.endlessBody);
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    await assert.rejects(repository.manifest("v1"), withCode("LDR_BAD_MANIFEST"));
  });
});

Deno.test("Repository.fetch sends no authorization to another host over the wire", async () => {
  await using cdn = await TestRegistry.start();
  await withRegistry(async (registry, client) => {
    registry.add("team/app", ARTIFACT, "v1");
    cdn.add("team/app", ARTIFACT, "v1");
    registry.fail("/blobs/", faults.redirect(`http://${cdn.host}`));
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    const content = await repository.fetch(blobOf(LAYER), 1);
    for await (const _ of content.chunks);
    const [redirected] = cdn.requests();
    assert.equal(registry.requests()[0]!.headers.get("authorization"), "Bearer very-secret");
    assert.equal(redirected!.headers.get("authorization"), null);
    assert.equal(redirected!.headers.get("range"), `bytes=1-${LAYER.descriptor.size - 1}`);
  });
});

Deno.test("Repository.fetch fails in a redirect loop over the wire", async () => {
  await withRegistry(async (registry, client) => {
    registry.add("team/app", ARTIFACT, "v1");
    registry.fail("/blobs/", faults.redirectLoop);
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    await assert.rejects(repository.fetch(blobOf(LAYER)), withCode("LDR_REDIRECT"));
  });
});

Deno.test("Repository.fetch ends when it is aborted, and removes its listeners", async () => {
  await withRegistry(async (registry, client) => {
    registry.add("team/app", ARTIFACT, "v1");
    const stop = new WatchedAbort();
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    const { chunks } = await repository.fetch(blobOf(LAYER), 0, { signal: stop.signal });
    await assert.rejects(async () => {
      for await (const _ of chunks) stop.abort();
    }, withCode("LDR_INTERRUPTED"));
    assert.equal(stop.listeners, 0);
  });
});

Deno.test("Repository.manifest retries a manifest that breaks off", async () => {
  await withRegistry(async (registry, client) => {
    registry.add("team/app", ARTIFACT, "v1");
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    registry.fail("/manifests/", faults.truncatedAfter(10), TRIES - 1);
    assert.equal((await repository.manifest("v1")).digest, DIGEST);
    assert.equal(registry.requests("/manifests/").length, TRIES);

    registry.clearLog();
    registry.fail("/manifests/", faults.resetAfter(10));
    await assert.rejects(repository.manifest("v1"), withCode("LDR_UNREACHABLE"));
    assert.equal(registry.requests("/manifests/").length, TRIES);
  });
});
