import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files.ts";
import { matchingPin, PinStore, readPin } from "../../../src/store/entries/pins.ts";
import { Layout } from "../../../src/store/layout.ts";
import { withExclusiveLock } from "../../../src/store/locks/store_lock.ts";
import { filesBelow } from "../../support/cache/store_check.ts";
import { Gate } from "../../support/gate.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const NOW = Date.parse("2026-01-02T03:04:05.000Z");
const pinnedAt = new Date(NOW).toISOString();

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly pins = new PinStore(this.layout);
  readonly folder = join(this.layout.manifests, "ghcr.io/acme/app/v1");

  constructor() {
    super();
    ensureFolder(this.folder);
  }
}

Deno.test("PinStore.pin pins an entry with or without a note, and unpin removes the pin", async () => {
  using fixture = new Fixture();
  const { pins, folder } = fixture;
  assert.equal(readPin(folder), undefined);
  await pins.pin(folder, { now: NOW, note: "the demo" });
  assert.deepEqual(readPin(folder), { note: "the demo", pinnedAt });
  await pins.pin(folder, { now: NOW });
  assert.deepEqual(readPin(folder), { pinnedAt });
  assert.deepEqual([pins.unpin(folder), pins.unpin(folder)], [true, false]);
  assert.equal(readPin(folder), undefined);
});

for (const broken of ["", "{", "[]", '{"pinnedAt":"yesterday"}', '{"note":7}']) {
  Deno.test(`readPin treats an invalid file as a pin: ${broken || "empty"}`, () => {
    using fixture = new Fixture();
    Deno.writeTextFileSync(join(fixture.folder, "pin.json"), broken);
    assert.deepEqual(readPin(fixture.folder), {});
  });
}

Deno.test("PinStore.pinPattern keeps patterns in order with their last note, and unpinPattern removes one", async () => {
  using fixture = new Fixture();
  const { pins } = fixture;
  assert.deepEqual(pins.patterns(), []);
  await pins.pinPattern("ghcr.io/acme/*", { now: NOW, note: "old" });
  await pins.pinPattern("nginx", { now: NOW });
  await pins.pinPattern("ghcr.io/acme/*", { now: NOW, note: "new" });
  assert.deepEqual(pins.patterns(), [
    { pattern: "nginx", pinnedAt },
    { pattern: "ghcr.io/acme/*", note: "new", pinnedAt },
  ]);
  assert.equal(await pins.unpinPattern("nginx", { now: NOW }), true);
  assert.equal(await pins.unpinPattern("nginx", { now: NOW }), false);
  assert.deepEqual(pins.patterns().map(({ pattern }) => pattern), ["ghcr.io/acme/*"]);
});

Deno.test("matchingPin returns the first pattern that matches", () => {
  const patterns = [{ pattern: "ghcr.io/*", note: "first" }, { pattern: "*" }];
  assert.equal(matchingPin(patterns, "ghcr.io/acme/app:v1")?.note, "first");
  assert.equal(matchingPin(patterns, "docker.io/library/nginx:latest")?.pattern, "*");
  assert.equal(matchingPin([], "ghcr.io/acme/app:v1"), undefined);
});

Deno.test("PinStore.pinPattern keeps all patterns that are pinned concurrently", async () => {
  using fixture = new Fixture();
  const patterns = Array.from({ length: 8 }, (_, i) => `ghcr.io/acme/${i}*`);
  const stores = patterns.map(() => new PinStore(fixture.layout));
  await Promise.all(
    patterns.map((pattern, i) => stores[i]!.pinPattern(pattern, { now: NOW })),
  );
  assert.deepEqual(fixture.pins.patterns().map(({ pattern }) => pattern).sort(), patterns);
  assert.deepEqual(
    filesBelow(fixture.layout.root).map((path) => path.slice(fixture.layout.root.length + 1)),
    ["lock", "pins.json"],
  );
});

for (const broken of ["{", "[]", '{"schemaVersion":2,"pins":[]}', '{"schemaVersion":1}']) {
  Deno.test(`PinStore fails on an invalid pins.json and does not overwrite it: ${broken}`, async () => {
    using fixture = new Fixture();
    Deno.writeTextFileSync(fixture.layout.pins, broken);
    const isConfigError = (error: unknown) => hasCode(error, "LDR_CONFIG");
    assert.throws(() => fixture.pins.patterns(), isConfigError);
    await assert.rejects(fixture.pins.pinPattern("x", { now: NOW }), isConfigError);
    assert.equal(Deno.readTextFileSync(fixture.layout.pins), broken);
  });
}

Deno.test("PinStore.pin waits for a running sweep", async () => {
  using fixture = new Fixture();
  const sweeping = new Gate();
  const sweep = withExclusiveLock(fixture.layout, () => sweeping.pass());
  await sweeping.reached;
  const pinning = fixture.pins.pin(fixture.folder, { now: NOW, waiting: () => sweeping.open() });
  assert.equal(readPin(fixture.folder), undefined);
  await sweep;
  await pinning;
  assert.deepEqual(readPin(fixture.folder), { pinnedAt });
});
