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

class Bench extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly pins = new PinStore(this.layout);
  readonly folder = join(this.layout.manifests, "ghcr.io/acme/app/v1");

  constructor() {
    super();
    ensureFolder(this.folder);
  }
}

Deno.test("an entry is pinned, with a note or without, and unpinned", async () => {
  using bench = new Bench();
  const { pins, folder } = bench;
  assert.equal(readPin(folder), undefined);
  await pins.pin(folder, { now: NOW, note: "the demo" });
  assert.deepEqual(readPin(folder), { note: "the demo", pinnedAt });
  await pins.pin(folder, { now: NOW });
  assert.deepEqual(readPin(folder), { pinnedAt });
  assert.deepEqual([pins.unpin(folder), pins.unpin(folder)], [true, false]);
  assert.equal(readPin(folder), undefined);
});

for (const broken of ["", "{", "[]", '{"pinnedAt":"yesterday"}', '{"note":7}']) {
  Deno.test(`a pin that is broken is a pin all the same: ${broken || "empty"}`, () => {
    using bench = new Bench();
    Deno.writeTextFileSync(join(bench.folder, "pin.json"), broken);
    assert.deepEqual(readPin(bench.folder), {});
  });
}

Deno.test("patterns are kept in order, each once with its last note, and taken away", async () => {
  using bench = new Bench();
  const { pins } = bench;
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

Deno.test("the first pattern that a name matches is the one that pins it", () => {
  const patterns = [{ pattern: "ghcr.io/*", note: "first" }, { pattern: "*" }];
  assert.equal(matchingPin(patterns, "ghcr.io/acme/app:v1")?.note, "first");
  assert.equal(matchingPin(patterns, "docker.io/library/nginx:latest")?.pattern, "*");
  assert.equal(matchingPin([], "ghcr.io/acme/app:v1"), undefined);
});

Deno.test("patterns that are pinned at the same time are all kept", async () => {
  using bench = new Bench();
  const patterns = Array.from({ length: 8 }, (_, i) => `ghcr.io/acme/${i}*`);
  const stores = patterns.map(() => new PinStore(bench.layout));
  await Promise.all(
    patterns.map((pattern, i) => stores[i]!.pinPattern(pattern, { now: NOW })),
  );
  assert.deepEqual(bench.pins.patterns().map(({ pattern }) => pattern).sort(), patterns);
  assert.deepEqual(
    filesBelow(bench.layout.root).map((path) => path.slice(bench.layout.root.length + 1)),
    ["lock", "pins.json"],
  );
});

for (const broken of ["{", "[]", '{"schemaVersion":2,"pins":[]}', '{"schemaVersion":1}']) {
  Deno.test(`patterns that are not to be read are an error, and are not written over: ${broken}`, async () => {
    using bench = new Bench();
    Deno.writeTextFileSync(bench.layout.pins, broken);
    const isRefusal = (error: unknown) => hasCode(error, "LDR_CONFIG");
    assert.throws(() => bench.pins.patterns(), isRefusal);
    await assert.rejects(bench.pins.pinPattern("x", { now: NOW }), isRefusal);
    assert.equal(Deno.readTextFileSync(bench.layout.pins), broken);
  });
}

Deno.test("who pins waits for a sweep that is under way", async () => {
  using bench = new Bench();
  const sweeping = new Gate();
  const sweep = withExclusiveLock(bench.layout, () => sweeping.pass());
  await sweeping.reached;
  const pinning = bench.pins.pin(bench.folder, { now: NOW, waiting: () => sweeping.open() });
  assert.equal(readPin(bench.folder), undefined);
  await sweep;
  await pinning;
  assert.deepEqual(readPin(bench.folder), { pinnedAt });
});
