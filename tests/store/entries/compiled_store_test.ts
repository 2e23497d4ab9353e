import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { ensureFolder } from "../../../src/base/files/files.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { takeSnapshot } from "../../../src/snapshot/snapshot.ts";
import type { SnapshotEntry } from "../../../src/snapshot/types.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { CompiledStore, type EngineFile } from "../../../src/store/entries/compiled_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { filesBelow } from "../../support/cache/store_check.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const COMPONENT = digestOf(sampleBytes(10));
const ENGINE = "jco-1.2.3";
const NOW = Date.parse("2026-01-02T03:04:05Z");

const script = (seed = 1): EngineFile => ({
  name: "app.js",
  mediaType: "text/javascript",
  bytes: sampleBytes(300, seed),
});
const core = (seed = 2): EngineFile => ({
  name: "app.core2.wasm",
  mediaType: "application/wasm",
  bytes: sampleBytes(5000, seed),
});

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly blobs = new BlobStore(this.layout);
  readonly store = new CompiledStore(this.layout, this.blobs);
  readonly record = join(this.layout.compiledFolder(COMPONENT, ENGINE), "record.json");

  /** Returns the content of the files that `find` returns, by name. */
  found(): Record<string, Uint8Array> | undefined {
    const files = this.store.find(COMPONENT, ENGINE);
    if (!files) return undefined;
    const contents = [...files].map(([name, { path, digest }]) => {
      const bytes = Deno.readFileSync(path);
      assert.equal(digestOf(bytes), digest);
      return [name, bytes];
    });
    return Object.fromEntries(contents);
  }

  /** Returns the compiled entries of a snapshot that are not damaged. */
  async listed(now = Date.now()): Promise<SnapshotEntry[]> {
    const { entries } = await takeSnapshot(this.layout, now);
    return entries.filter(({ type, problem }) => type === "compiled" && problem === undefined);
  }

  pathOf(file: EngineFile): string {
    return this.layout.blobOf(describe(file.bytes, file.mediaType));
  }

  writeRecord(content: unknown): void {
    ensureFolder(dirname(this.record));
    const text = typeof content === "string" ? content : JSON.stringify(content);
    Deno.writeTextFileSync(this.record, text);
  }
}

const contents = (...files: EngineFile[]) =>
  Object.fromEntries(files.map(({ name, bytes }) => [name, bytes]));

Deno.test("CompiledStore.find returns what put wrote, by component and engine", async () => {
  using fixture = new Fixture();
  assert.equal(fixture.found(), undefined);
  await fixture.store.put(COMPONENT, ENGINE, [script(), core()]);
  assert.deepEqual(fixture.found(), contents(script(), core()));
  assert.equal(fixture.store.find(COMPONENT, "jco-1.2.4"), undefined);
  assert.equal(fixture.store.find(digestOf(sampleBytes(11)), ENGINE), undefined);
});

Deno.test("CompiledStore.put writes blobs to the tree of their type, and a record that names them", async () => {
  using fixture = new Fixture();
  await fixture.store.put(COMPONENT, ENGINE, [script(), core()]);
  const files = [script(), core()].map(({ name, bytes, mediaType }) => ({
    name,
    ...describe(bytes, mediaType),
  }));
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(fixture.record)), { schemaVersion: 1, files });
  const [first, second] = files;
  assert.deepEqual(
    filesBelow(fixture.layout.root).map((path) => path.slice(fixture.layout.root.length + 1)),
    [
      `compiled/${COMPONENT}/${ENGINE}/record.json`,
      `data/${first!.digest}`,
      "lock",
      `wasm/${second!.digest}`,
    ],
  );
});

for (const [name, file] of [["data", script()], ["wasm", core()]] as const) {
  Deno.test(`CompiledStore.find misses if a blob in ${name}/ is missing or truncated, and put repairs it`, async () => {
    using fixture = new Fixture();
    await fixture.store.put(COMPONENT, ENGINE, [script(), core()]);
    const damages = [
      (path: string) => Deno.removeSync(path),
      (path: string) => Deno.truncateSync(path, file.bytes.length - 1),
    ];
    for (const damage of damages) {
      damage(fixture.pathOf(file));
      assert.equal(fixture.found(), undefined);
      await fixture.store.put(COMPONENT, ENGINE, [script(), core()]);
      assert.deepEqual(fixture.found(), contents(script(), core()));
    }
  });
}

Deno.test("CompiledStore.find marks the entry as used only on a hit", async () => {
  using fixture = new Fixture();
  const used = () => Deno.statSync(fixture.record).mtime?.getTime();
  await fixture.store.put(COMPONENT, ENGINE, [script()]);
  fixture.store.find(COMPONENT, ENGINE, NOW);
  assert.equal(used(), NOW);
  Deno.removeSync(fixture.pathOf(script()));
  fixture.store.find(COMPONENT, ENGINE, NOW + 5000);
  assert.equal(used(), NOW);
});

Deno.test("CompiledStore.put called concurrently leaves one complete entry", async () => {
  using fixture = new Fixture();
  const rounds = [1, 2, 3, 1, 2, 3, 1, 1];
  await Promise.all(rounds.map((seed) => {
    const own = new CompiledStore(fixture.layout, new BlobStore(fixture.layout));
    return own.put(COMPONENT, ENGINE, [script(seed), core(seed), core(9)].slice(0, 2));
  }));
  const found = fixture.found();
  const complete = [1, 2, 3].map((seed) => contents(script(seed), core(seed)));
  assert.ok(complete.some((each) => JSON.stringify(each) === JSON.stringify(found)));
  assert.deepEqual(filesIn(join(fixture.layout.root, "partial")), []);
  assert.deepEqual(filesIn(dirname(fixture.record)), ["record.json"]);
});

Deno.test("CompiledStore.find misses after the cache was deleted, and put writes it again", async () => {
  using fixture = new Fixture();
  await fixture.store.put(COMPONENT, ENGINE, [script(), core()]);
  Deno.removeSync(fixture.layout.root, { recursive: true });
  assert.equal(fixture.found(), undefined);
  assert.deepEqual(await fixture.listed(), []);
  await fixture.store.put(COMPONENT, ENGINE, [script(), core()]);
  assert.deepEqual(fixture.found(), contents(script(), core()));
});

Deno.test("a snapshot lists what CompiledStore.put wrote, with its size and last use", async () => {
  using fixture = new Fixture();
  const other = digestOf(sampleBytes(12));
  await fixture.store.put(COMPONENT, "b-2", [script(), core()]);
  await fixture.store.put(COMPONENT, "a-1", [script(), { ...script(), name: "copy.js" }]);
  await fixture.store.put(other, ENGINE, [core()]);
  fixture.store.find(COMPONENT, "a-1", NOW);
  const before = Date.now() - 1000; // The clock of a file system is up to some milliseconds behind.
  fixture.store.find(other, ENGINE, Date.now() + 1e9);
  fixture.writeRecord("{");
  Deno.mkdirSync(join(fixture.layout.compiled, "no digest", "x"), { recursive: true });
  Deno.mkdirSync(join(fixture.layout.compiled, COMPONENT, "no engine "));

  const now = Date.now();
  const listed = new Map((await fixture.listed(now)).map((entry) => [entry.name, entry]));
  assert.deepEqual(
    new Map([...listed].map(([name, { size, ownSize }]) => [name, size - ownSize])),
    new Map([
      [`${COMPONENT}/a-1`, 300],
      [`${COMPONENT}/b-2`, 5300],
      [`${other}/${ENGINE}`, 5000],
    ]),
  );
  assert.equal(
    listed.get(`${COMPONENT}/b-2`)!.folder,
    fixture.layout.compiledFolder(COMPONENT, "b-2"),
  );
  assert.equal(listed.get(`${COMPONENT}/a-1`)!.lastUsed, NOW);
  // A last use in the future counts as of the time at which it was written.
  const { lastUsed } = listed.get(`${other}/${ENGINE}`)!;
  assert.ok(lastUsed >= before && lastUsed <= now, String(lastUsed));
});

const file = { name: "app.js", ...describe(sampleBytes(300), "text/javascript") };

for (
  const [name, record] of [
    ["incomplete JSON", "half a rec"],
    ["another schema version", { schemaVersion: 2, files: [file] }],
    ["no files", { schemaVersion: 1, files: [] }],
    ["a name that is a path", { schemaVersion: 1, files: [{ ...file, name: "../app.js" }] }],
    ["a hidden name", { schemaVersion: 1, files: [{ ...file, name: ".app" }] }],
    ["a digest that is a path", { schemaVersion: 1, files: [{ ...file, digest: "../x" }] }],
    ["a size below 0", { schemaVersion: 1, files: [{ ...file, size: -1 }] }],
    ["one name twice", { schemaVersion: 1, files: [file, file] }],
  ] as const
) {
  Deno.test(`CompiledStore.find misses on a record with ${name}`, async () => {
    using fixture = new Fixture();
    await fixture.store.put(COMPONENT, ENGINE, [script()]);
    assert.ok(fixture.found());
    fixture.writeRecord(record);
    assert.deepEqual([fixture.found(), await fixture.listed()], [undefined, []]);
  });
}

Deno.test("CompiledStore.put rejects files that a record cannot name", async () => {
  using fixture = new Fixture();
  for (const files of [[], [{ ...script(), name: "a/b" }], [script(), script(5)]]) {
    await assert.rejects(fixture.store.put(COMPONENT, ENGINE, files));
  }
  assert.equal(fixture.found(), undefined);
});

Deno.test("CompiledStore.find returns existing blobs or misses, whatever the record contains", async () => {
  using fixture = new Fixture();
  await fixture.store.put(COMPONENT, ENGINE, [script()]);
  const part = fc.record({
    name: fc.oneof(fc.constantFrom("app.js", "x.wasm", ".."), fc.string()),
    mediaType: fc.constantFrom("text/javascript", "application/wasm"),
    digest: fc.oneof(fc.constant(file.digest), fc.string()),
    size: fc.oneof(fc.constant(300), fc.integer()),
  }, { requiredKeys: [] });
  const record = fc.record({ schemaVersion: fc.constantFrom(1, 2), files: fc.array(part) });
  const text = fc.oneof(record.map((value) => JSON.stringify(value)), fc.json(), fc.string());
  fc.assert(fc.property(text, (content) => {
    fixture.writeRecord(content);
    for (const bytes of Object.values(fixture.found() ?? {})) {
      assert.deepEqual(bytes, script().bytes);
    }
  }));
});
