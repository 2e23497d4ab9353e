import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash.ts";
import { type ImageManifest, parseManifest } from "../../src/oci/manifest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import type { EntryRecord } from "../../src/store/entries/app_record.ts";
import { Layout } from "../../src/store/layout.ts";
import { EntryLock } from "../../src/store/locks/entry_lock.ts";
import { ManifestStore } from "../../src/store/manifest_store.ts";
import { utf8 } from "../support/cache/artifacts.ts";
import { describe, filesIn, sampleBytes } from "../support/cache/blobs.ts";
import { betweenCalls } from "../support/cache/fs_calls.ts";
import { Gate } from "../support/gate.ts";
import { isLocked, StepwisePublisher } from "../support/cache/stepwise_publisher.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const NOW = "2026-01-02T03:04:05.000Z";

function image(seed = 1, layers = 2): ImageManifest {
  const config = new TextEncoder().encode(`{"seed":${seed}}`);
  const document = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: describe(config, "application/vnd.oci.image.config.v1+json"),
    layers: Array.from({ length: layers }, (_, i) => describe(sampleBytes(100 + i, seed))),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return parseManifest(bytes, "test") as ImageManifest;
}

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly manifests = new ManifestStore(this.layout);

  async publish(name: string, manifest: ImageManifest): Promise<EntryRecord> {
    const record = this.prepare(name, manifest);
    await this.manifests.publishEntry(parseReference(name), manifest, () => record);
    return record;
  }

  /** Writes a manifest to the folder of its digest, and returns the record of a tag that names it. */
  prepare(name: string, manifest: ImageManifest): EntryRecord {
    const config = join(this.path, "config");
    Deno.writeTextFileSync(config, manifest.digest);
    this.manifests.publishManifest(parseReference(name), manifest, config);
    return {
      schemaVersion: 1,
      reference: name,
      digest: manifest.digest,
      mediaType: manifest.mediaType,
      manifestDigest: manifest.digest,
      pulledAt: NOW,
      checkedAt: NOW,
    };
  }
}

Deno.test("ManifestStore reads back what it published, by tag and by digest", async () => {
  using fixture = new Fixture();
  const manifest = image();
  const record = await fixture.publish("localhost:5000/app:v1", manifest);
  const reference = parseReference("localhost:5000/app:v1");
  assert.deepEqual(await fixture.manifests.record(reference), record);
  assert.equal(await fixture.manifests.isPublished(reference, manifest), true);
  assert.deepEqual(await fixture.manifests.manifest(reference, manifest.digest), manifest);
  const files = ["config.json", "manifest.json", "record.json"];
  assert.deepEqual(filesIn(fixture.layout.tagFolder(reference, "v1")), files);
  assert.deepEqual(
    filesIn(fixture.layout.digestFolder(reference, manifest.digest)),
    files.slice(0, 2),
  );
});

/** Returns the digests that the record, manifest and config in the folder of a tag belong to. */
function publishedIn(folder: string): string[] {
  const text = (name: string) => Deno.readTextFileSync(join(folder, name));
  const { digest, manifestDigest } = JSON.parse(text("record.json"));
  return [digest, manifestDigest, digestOf(utf8(text("manifest.json"))), text("config.json")];
}

Deno.test("ManifestStore.publishEntry leaves the files of one image if two processes publish", async () => {
  using publisher = new StepwisePublisher();
  const name = "ghcr.io/a/b:v1";
  const seen = new Set<string>();
  for (let step = 1, calls = step; calls >= step; step++) {
    using fixture = new Fixture();
    const folder = fixture.manifests.folder(parseReference(name));
    await fixture.publish(name, image(1));
    const record = fixture.prepare(name, image(2));
    let other: Promise<EntryRecord> | undefined;
    calls = 0;
    await publisher.publish(fixture.layout, image(2), record, async () => {
      if (++calls !== step) return;
      const mustWait = isLocked(folder);
      other = fixture.publish(name, image(3));
      if (!mustWait) await other;
    });
    await other;
    const [digest, ...others] = publishedIn(folder);
    assert.deepEqual(others, [digest, digest, digest], `another published before call ${step}`);
    assert.deepEqual(filesIn(folder), ["config.json", "manifest.json", "record.json"]);
    seen.add(digest!);
  }
  assert.deepEqual(seen, new Set([image(2).digest, image(3).digest]));
});

for (const waits of [true, false]) {
  const moment = waits ? "is about to replace" : "has just replaced";
  Deno.test(`ManifestStore.record returns the record that another process ${moment} after the manifest`, async () => {
    using fixture = new Fixture();
    const [reference, next] = [parseReference("ghcr.io/a/b:v1"), image(2)];
    const folder = fixture.manifests.folder(reference);
    await fixture.publish("ghcr.io/a/b:v1", image(1));
    const record = fixture.prepare("ghcr.io/a/b:v1", next);
    using lock = await EntryLock.take(folder);
    Deno.writeFileSync(join(folder, "manifest.json"), next.bytes);
    const gate = new Gate();
    let calls = 0;
    // Its second call is to open the file whose lock it waits for.
    const read = betweenCalls(() => void (++calls === 2 && gate.pass()), async () => {
      return await fixture.manifests.record(reference);
    });
    if (waits) await gate.reachedBy(read);
    lock.writeRecord(JSON.stringify(record), { sync: false });
    assert.deepEqual(await read, record);
  });
}

Deno.test("ManifestStore.record ignores what a killed process has left of a publication", async () => {
  using fixture = new Fixture();
  const [reference, next] = [parseReference("ghcr.io/a/b:v1"), image(2)];
  const folder = fixture.manifests.folder(reference);
  await fixture.publish("ghcr.io/a/b:v1", image(1));
  Deno.writeTextFileSync(join(folder, "record.json.tmp"), "{");
  Deno.writeFileSync(join(folder, "manifest.json"), next.bytes);
  assert.equal(await fixture.manifests.record(reference), undefined);
  await fixture.publish("ghcr.io/a/b:v1", next);
  assert.equal((await fixture.manifests.record(reference))?.digest, next.digest);
  assert.deepEqual(filesIn(folder), ["config.json", "manifest.json", "record.json"]);
});

Deno.test("ManifestStore.confirmRecord leaves the record to a process that is publishing", async () => {
  using fixture = new Fixture();
  const reference = parseReference("ghcr.io/a/b:v1");
  const record = await fixture.publish("ghcr.io/a/b:v1", image(1));
  using _ = await EntryLock.take(fixture.manifests.folder(reference));
  const later = { ...record, checkedAt: "2027-01-02T03:04:05.000Z" };
  await fixture.manifests.confirmRecord(reference, () => later);
  assert.deepEqual(await fixture.manifests.record(reference), record);
});

/** Returns a manifest as Spin writes it: formatted anew, without members that it does not know. */
function spinsForm({ bytes }: ImageManifest): string {
  const { config, layers, ...members } = JSON.parse(new TextDecoder().decode(bytes));
  const { mediaType, digest, size } = config;
  return JSON.stringify({ ...members, config: { size, digest, mediaType }, layers });
}

for (
  const [name, text, isSame] of [
    ["the same content", spinsForm(image()), true],
    ["a config less", spinsForm(image()).replace(/"config":\{[^}]*\},/, ""), false],
    ["another config", spinsForm(image(2)).replace(/"layers".*$/, '"layers":[]}'), false],
    ["a layer more", spinsForm(image(1, 3)), false],
    ["other layers", spinsForm(image(2)), false],
    ["nothing", "", false],
    ["half a manifest", spinsForm(image()).slice(0, 99), false],
  ] as const
) {
  const holds = isSame ? "returns" : "ignores";
  Deno.test(`ManifestStore.record ${holds} the record of an entry that Spin overwrote with ${name}`, async () => {
    using fixture = new Fixture();
    const record = await fixture.publish("ghcr.io/a/b:v1", image());
    const reference = parseReference("ghcr.io/a/b:v1");
    Deno.writeTextFileSync(join(fixture.layout.tagFolder(reference, "v1"), "manifest.json"), text);
    const read = await fixture.manifests.record(reference);
    assert.deepEqual(read, isSame ? record : undefined);
    assert.equal(await fixture.manifests.isPublished(reference, image()), isSame);
  });
}

for (
  const broken of ["", "{", "[]", '{"schemaVersion":2}', '{"schemaVersion":1,"digest":"../x"}']
) {
  Deno.test(`ManifestStore.record returns undefined for an invalid record: ${broken || "empty"}`, async () => {
    using fixture = new Fixture();
    await fixture.publish("ghcr.io/a/b:v1", image());
    const reference = parseReference("ghcr.io/a/b:v1");
    Deno.writeTextFileSync(join(fixture.manifests.folder(reference), "record.json"), broken);
    assert.equal(await fixture.manifests.record(reference), undefined);
    assert.equal((await takeSnapshot(fixture.layout, Date.now())).entries.length, 1);
  });
}

Deno.test("ManifestStore.record ignores the record of a tag that differs in case", async () => {
  using fixture = new Fixture();
  await fixture.publish("ghcr.io/a/b:v1", image());
  const folder = fixture.layout.tagFolder(parseReference("ghcr.io/a/b:v1"), "v1");
  Deno.renameSync(folder, join(folder, "..", "V1"));
  assert.equal(await fixture.manifests.record(parseReference("ghcr.io/a/b:V1")), undefined);
});

Deno.test("ManifestStore.manifest returns undefined for a damaged manifest", async () => {
  using fixture = new Fixture();
  const manifest = image();
  await fixture.publish("ghcr.io/a/b:v1", manifest);
  const reference = parseReference("ghcr.io/a/b:v1");
  const path = join(fixture.layout.digestFolder(reference, manifest.digest), "manifest.json");
  Deno.writeTextFileSync(path, "{}");
  assert.equal(await fixture.manifests.manifest(reference, manifest.digest), undefined);
});

Deno.test("a snapshot lists the tags and digests that were pulled, and no other content", async () => {
  using fixture = new Fixture();
  const [one, two] = [image(1), image(2, 3)];
  await fixture.publish("docker.io/library/nginx:latest", one);
  await fixture.publish("localhost:5000/deep/er/app:v1", one);
  await fixture.publish(`ghcr.io/a/b:kept@${two.digest}`, two);
  Deno.writeTextFileSync(
    join(fixture.layout.tagFolder(parseReference("nginx"), "latest"), "pin.json"),
    "{}",
  );
  const { entries } = await takeSnapshot(fixture.layout, Date.now());
  assert.deepEqual(entries.map((e) => [e.name, e.pin !== undefined]), [
    ["docker.io/library/nginx:latest", true],
    [`ghcr.io/a/b:kept@${two.digest}`, false],
    ["localhost:5000/deep/er/app:v1", false],
  ]);
});

Deno.test("a snapshot lists an entry of Spin by its folder, last used at the time of its manifest", async () => {
  using fixture = new Fixture();
  const folder = join(fixture.layout.manifests, "ghcr.io", "fermyon", "hello", "latest");
  Deno.mkdirSync(folder, { recursive: true });
  const { bytes } = image();
  Deno.writeFileSync(join(folder, "manifest.json"), bytes);
  Deno.utimeSync(join(folder, "manifest.json"), new Date(NOW), new Date(NOW));
  const [entry] = (await takeSnapshot(fixture.layout, Date.now())).entries;
  assert.equal(entry?.name, "ghcr.io/fermyon/hello:latest");
  assert.equal(entry?.record, undefined);
  assert.equal(entry?.digest, digestOf(bytes));
  assert.equal(entry?.lastUsed, Date.parse(NOW));
});

Deno.test("a snapshot clamps a last use in the future, and reports damaged entries", async () => {
  using fixture = new Fixture();
  await fixture.publish("ghcr.io/a/b:v1", image());
  const record = join(fixture.manifests.folder(parseReference("ghcr.io/a/b:v1")), "record.json");
  Deno.utimeSync(record, new Date("2100-01-01"), new Date("2100-01-01"));
  const broken = join(fixture.layout.manifests, "ghcr.io", "x", "broken");
  Deno.mkdirSync(broken, { recursive: true });
  Deno.writeTextFileSync(join(broken, "manifest.json"), "<html>");
  const { entries } = await takeSnapshot(fixture.layout, 1000);
  assert.deepEqual(entries.map((entry) => entry.lastUsed), [1000, 1000]);
  assert.deepEqual(entries.map(({ name, problem }) => [name, problem !== undefined]), [
    ["ghcr.io/x:broken", true],
    ["ghcr.io/a/b:v1", false],
  ]);
});

Deno.test("ManifestStore.publishRecord reuses the temporary file of a killed process", async () => {
  using fixture = new Fixture();
  const reference = parseReference("ghcr.io/a/b:v1");
  const folder = fixture.manifests.folder(reference);
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(
    join(folder, "record.json.tmp"),
    "left behind, and longer than a record".repeat(99),
  );
  const record = await fixture.publish("ghcr.io/a/b:v1", image());
  assert.deepEqual(await fixture.manifests.record(reference), record);
  assert.deepEqual(filesIn(folder), ["config.json", "manifest.json", "record.json"]);
});
