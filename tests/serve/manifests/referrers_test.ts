import assert from "node:assert/strict";
import { image, manifestOf, MEDIA_TYPES } from "../../support/cache/artifacts.ts";
import { assertStoreSound } from "../../support/cache/store_check.ts";
import { html, status } from "../../support/registry/faults.ts";
import { TestService } from "../../support/registry/test_service.ts";

const SUBJECT = image(["subject"]);
const { digest: DIGEST } = SUBJECT.descriptor;

/** Returns an artifact that refers to the subject. */
function referrer(artifactType: string) {
  const { config, layers } = JSON.parse(new TextDecoder().decode(SUBJECT.bytes));
  const subject = SUBJECT.descriptor;
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType,
    config,
    layers,
    subject,
  };
  return manifestOf(document, MEDIA_TYPES.ociManifest, { blobs: SUBJECT.blobs });
}

const SIGNATURE = referrer("application/signature");
const SBOM = referrer("application/sbom");

async function listed(service: TestService, query = ""): Promise<[string[], Headers]> {
  const response = await service.request(`app/referrers/${DIGEST}${query}`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), MEDIA_TYPES.ociIndex);
  const { manifests } = await response.json();
  return [manifests.map(({ digest }: { digest: string }) => digest), response.headers];
}

/** Two registries: one with the API, and one with the tag for the referrers. */
const REGISTRIES: Record<string, (service: TestService) => void> = {
  "the API": ({ registry }) => {
    registry.hasReferrers = true;
    for (const each of [SUBJECT, SIGNATURE, SBOM]) registry.add("app", each);
  },
  "the tag": ({ registry }) => {
    const manifests = [SIGNATURE, SBOM].map(({ descriptor }, i) => ({
      ...descriptor,
      artifactType: i === 0 ? "application/signature" : "application/sbom",
    }));
    const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
    const children = [SIGNATURE, SBOM];
    const tagged = manifestOf(document, MEDIA_TYPES.ociIndex, { children });
    registry.add("app", SUBJECT);
    registry.add("app", tagged, DIGEST.replace(":", "-"));
  },
  "the tag, and a web page for the API": (service) => {
    REGISTRIES["the tag"]!(service);
    service.registry.fail("/referrers/", html);
  },
};

Deno.test("referrers are listed, filtered, and kept for when the registry is away", async (t) => {
  for (const [name, prepare] of Object.entries(REGISTRIES)) {
    await t.step(name, async () => {
      await using service = await TestService.start();
      prepare(service);
      const both = [SIGNATURE.descriptor.digest, SBOM.descriptor.digest];
      assert.deepEqual((await listed(service))[0].sort(), both.sort());
      const [filtered, headers] = await listed(service, "?artifactType=application/sbom");
      assert.deepEqual(filtered, [SBOM.descriptor.digest]);
      assert.equal(headers.get("oci-filters-applied"), "artifactType");
      await service.bytes(`app/manifests/${SBOM.descriptor.digest}`);
      service.registry.fail("/v2/", status(503));
      service.clock.time += 60_000;
      const [stale, staleHeaders] = await listed(service, "?artifactType=application/sbom");
      assert.deepEqual(stale, [SBOM.descriptor.digest]);
      assert.equal(staleHeaders.get("age"), "60");
      assertStoreSound(service.layout.root);
    });
  }
});

Deno.test("referrers are those of a mirror while the registry is away", async (t) => {
  for (const [name, prepare] of Object.entries(REGISTRIES)) {
    await t.step(name, async () => {
      await using mirror = await TestService.start();
      prepare(mirror);
      const { host } = mirror.registry;
      const place = { registry: host, repository: "app", use: "all" } as const;
      await using service = await TestService.start({ mirrors: () => [place] });
      service.registry.fail("/v2/", status(503));
      const both = [SIGNATURE.descriptor.digest, SBOM.descriptor.digest];
      assert.deepEqual((await listed(service))[0].sort(), both.sort());
    });
  }
});

Deno.test("a subject without referrers gets an empty index", async () => {
  await using service = await TestService.start();
  service.registry.add("app", SUBJECT);
  assert.deepEqual((await listed(service))[0], []);
  service.registry.hasReferrers = true;
  assert.deepEqual((await listed(service))[0], []);
});
