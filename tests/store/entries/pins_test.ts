import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder, statIfAny } from "../../../src/base/files/files.ts";
import { matchingPin, readPin, repairPins } from "../../../src/store/entries/pin_file.ts";
import { PinStore } from "../../../src/store/entries/pins.ts";
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
  assert.deepEqual(readPin(folder), { note: "the demo", pinnedAt });
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

const GOOD = { pattern: "ghcr.io/acme/*", note: "the shop", pinnedAt };

/** What of a damaged `pins.json` counts, and what is said about the rest. */
const DAMAGED: readonly [
  text: string,
  patterns: readonly object[],
  isComplete: boolean,
  string[],
][] = [
  ["{", [], false, ["it is not JSON"]],
  ["[]", [], false, ["it has no list of pins"]],
  ["null", [], false, ["it has no list of pins"]],
  ['{"schemaVersion":1}', [], false, ["it has no list of pins"]],
  ['{"schemaVersion":1,"pins":{}}', [], false, ["it has no list of pins"]],
  [JSON.stringify({ schemaVersion: 2, pins: [GOOD] }), [GOOD], false, ["a newer larder wrote it"]],
  [JSON.stringify({ schemaVersion: "1", pins: [GOOD] }), [GOOD], false, [
    "its schemaVersion is not 1",
  ]],
  [withPins(GOOD, 7), [GOOD], false, ["entry 2: it is not a pin"]],
  [withPins(null, GOOD), [GOOD], false, ["entry 1: it is not a pin"]],
  [withPins({ note: "x" }, GOOD), [GOOD], false, ["entry 1: its pattern is undefined"]],
  [withPins({ pattern: "" }, GOOD), [{ pattern: "" }, GOOD], true, [
    "entry 1: the pattern is empty",
  ]],
  [withPins({ pattern: "   " }), [{ pattern: "   " }], true, ["entry 1: the pattern is empty"]],
  [withPins({ pattern: "a\u0000b" }), [{ pattern: "a\u0000b" }], true, [
    "entry 1: the pattern has control characters",
  ]],
  [withPins(GOOD, { pattern: "x", note: 7 }), [GOOD, { pattern: "x" }], true, [
    "entry 2: its note is 7",
  ]],
  [withPins({ pattern: "x", pinnedAt: "yesterday" }), [{ pattern: "x" }], true, [
    'entry 1: its pinnedAt is "yesterday"',
  ]],
  [JSON.stringify({ schemaVersion: 1, pins: [GOOD], extra: 1 }), [GOOD], true, []],
];

function withPins(...pins: unknown[]): string {
  return JSON.stringify({ schemaVersion: 1, pins });
}

for (const [text, patterns, isComplete, details] of DAMAGED) {
  Deno.test(`PinStore.read keeps what can be read of ${text}`, () => {
    using fixture = new Fixture();
    Deno.writeTextFileSync(fixture.layout.pins, text);
    const read = fixture.pins.read();
    assert.deepEqual(read.patterns, patterns);
    assert.equal(read.isComplete, isComplete);
    assert.deepEqual(read.faults.map(({ detail }) => detail), details);
  });
}

const IN_ITS_PLACE: readonly [string, (path: string) => void, string][] = [
  ["a folder", (path) => Deno.mkdirSync(path), "it is a folder"],
  ["a dangling link", (path) => Deno.symlinkSync("nowhere", path), "it is a link to nothing"],
  ["5 MiB", (path) => Deno.writeFileSync(path, new Uint8Array(5 << 20)), "it has 5.00 MiB"],
];

for (const [what, put, detail] of IN_ITS_PLACE) {
  Deno.test(`PinStore takes everything for possibly pinned if pins.json is ${what}, until it is repaired`, async () => {
    using fixture = new Fixture();
    const { layout, pins } = fixture;
    put(layout.pins);
    const { patterns, isComplete, faults } = pins.read();
    assert.deepEqual([patterns, isComplete], [[], false]);
    assert.ok(faults[0]!.detail.startsWith(detail), faults[0]!.detail);
    await assert.rejects(pins.pinPattern("x", { now: NOW }));
    repairPins(layout.pins);
    assert.deepEqual(pins.read(), { patterns: [], faults: [], isComplete: true });
    assert.notEqual(statIfAny(`${layout.pins}.damaged`), undefined);
  });
}

Deno.test("PinStore.pinPattern and unpinPattern leave entries that cannot be read as they are", async () => {
  using fixture = new Fixture();
  const { layout, pins } = fixture;
  Deno.writeTextFileSync(layout.pins, withPins(7, GOOD, { pattern: "" }));
  await pins.pinPattern("x", { now: NOW });
  assert.equal(await pins.unpinPattern(GOOD.pattern, { now: NOW }), true);
  const raw = () => JSON.parse(Deno.readTextFileSync(layout.pins)).pins;
  assert.deepEqual(raw(), [7, { pattern: "" }, { pattern: "x", pinnedAt }]);
  assert.equal(await pins.unpinPattern("", { now: NOW }), true);
  assert.deepEqual(raw(), [7, { pattern: "x", pinnedAt }]);
});

for (const text of ["{", "[]", '{"schemaVersion":2,"pins":[]}']) {
  Deno.test(`PinStore.pinPattern does not overwrite a pins.json that cannot be read: ${text}`, async () => {
    using fixture = new Fixture();
    Deno.writeTextFileSync(fixture.layout.pins, text);
    const pinning = fixture.pins.pinPattern("x", { now: NOW });
    await assert.rejects(pinning, (error) => hasCode(error, "LDR_CONFIG"));
    assert.equal(Deno.readTextFileSync(fixture.layout.pins), text);
  });
}

Deno.test("repairPins keeps valid entries and a copy of the file, and leaves the file of a newer larder", () => {
  using fixture = new Fixture();
  const { layout, pins } = fixture;
  for (const [i, damaged] of [withPins(7, GOOD, { pattern: "" }), "{"].entries()) {
    Deno.writeTextFileSync(layout.pins, damaged);
    repairPins(layout.pins);
    const patterns = i === 0 ? [GOOD] : [];
    assert.deepEqual(pins.read(), { patterns, faults: [], isComplete: true });
    const copy = `${layout.pins}.damaged${i === 0 ? "" : "2"}`;
    assert.equal(Deno.readTextFileSync(copy), damaged);
  }
  const newer = '{"schemaVersion":2,"pins":[]}';
  Deno.writeTextFileSync(layout.pins, newer);
  repairPins(layout.pins);
  assert.equal(Deno.readTextFileSync(layout.pins), newer);
});

/** Texts that a shell script, a paste or a mistake can make the pattern of a pin. */
const TYPED = [
  ...[
    "",
    " ",
    "   ",
    "\t",
    "\n",
    " nginx",
    "nginx ",
    "ng\u0000inx",
    "nginx\n",
    "\u001b[31m",
    "\ud800",
  ],
  ...[
    "\u2028",
    "\u202e",
    "a".repeat(1024),
    "a".repeat(1025),
    "*",
    "**",
    "?",
    "***?*?",
    "[",
    "[a-",
    "\\",
  ],
  ...["{}", '"', "ghcr.io/acme/*", "a b", "ü", "😀*", "sha256:", "@", ":", "/", "//", "..", "-"],
];

Deno.test("whatever PinStore.pinPattern accepts, PinStore.read reads without a fault", async () => {
  using fixture = new Fixture();
  const { pins } = fixture;
  const random = ["", " ", "*", "?", "a", "\n", "\u0007", "/", "\ud800", '"', "\\"];
  const texts = [...TYPED];
  for (let i = 0; i < 200; i++) {
    const characters = Array.from(
      { length: i % 7 },
      (_, j) => random[(i * 7 + j * 31 + i * j) % 11],
    );
    texts.push(characters.join(""));
  }
  let accepted = 0;
  for (const text of texts) {
    try {
      await pins.pinPattern(text, { now: NOW });
      accepted++;
    } catch (error) {
      assert.ok(hasCode(error, "LDR_USAGE"), String(error));
      continue;
    }
    const read = pins.read();
    assert.deepEqual([read.faults, read.isComplete], [[], true], JSON.stringify(text));
    assert.ok(read.patterns.some(({ pattern }) => pattern === text), JSON.stringify(text));
    assert.equal(await pins.unpinPattern(text, { now: NOW }), true);
  }
  assert.ok(accepted > 50 && accepted < texts.length - 50, String(accepted));
});

Deno.test("PinStore.pinPattern writes through a link", async () => {
  using fixture = new Fixture();
  const { layout, pins } = fixture;
  const target = join(fixture.path, "shared-pins.json");
  Deno.writeTextFileSync(target, withPins(GOOD));
  Deno.symlinkSync(target, layout.pins);
  await pins.pinPattern("x", { now: NOW });
  assert.equal(JSON.parse(Deno.readTextFileSync(target)).pins.length, 2);
  assert.equal(Deno.lstatSync(layout.pins).isSymlink, true);
});

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
