import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { ensureFolder } from "../../../src/base/files.ts";
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

class Bench extends TemporaryFolder {
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
  using bench = new Bench();
  assert.equal(bench.found(), undefined);
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  assert.deepEqual(bench.found(), contents(script(), core()));
  assert.equal(bench.store.find(COMPONENT, "jco-1.2.4"), undefined);
  assert.equal(bench.store.find(digestOf(sampleBytes(11)), ENGINE), undefined);
});

Deno.test("CompiledStore.put writes blobs to the tree of their type, and a record that names them", async () => {
  using bench = new Bench();
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  const files = [script(), core()].map(({ name, bytes, mediaType }) => ({
    name,
    ...describe(bytes, mediaType),
  }));
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(bench.record)), { schemaVersion: 1, files });
  const [first, second] = files;
  assert.deepEqual(
    filesBelow(bench.layout.root).map((path) => path.slice(bench.layout.root.length + 1)),
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
    using bench = new Bench();
    await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
    const damages = [
      (path: string) => Deno.removeSync(path),
      (path: string) => Deno.truncateSync(path, file.bytes.length - 1),
    ];
    for (const damage of damages) {
      damage(bench.pathOf(file));
      assert.equal(bench.found(), undefined);
      await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
      assert.deepEqual(bench.found(), contents(script(), core()));
    }
  });
}

Deno.test("CompiledStore.find marks the entry as used only on a hit", async () => {
  using bench = new Bench();
  const used = () => Deno.statSync(bench.record).mtime?.getTime();
  await bench.store.put(COMPONENT, ENGINE, [script()]);
  bench.store.find(COMPONENT, ENGINE, NOW);
  assert.equal(used(), NOW);
  Deno.removeSync(bench.pathOf(script()));
  bench.store.find(COMPONENT, ENGINE, NOW + 5000);
  assert.equal(used(), NOW);
});

Deno.test("CompiledStore.put called concurrently leaves one complete entry", async () => {
  using bench = new Bench();
  const rounds = [1, 2, 3, 1, 2, 3, 1, 1];
  await Promise.all(rounds.map((seed) => {
    const own = new CompiledStore(bench.layout, new BlobStore(bench.layout));
    return own.put(COMPONENT, ENGINE, [script(seed), core(seed), core(9)].slice(0, 2));
  }));
  const found = bench.found();
  const complete = [1, 2, 3].map((seed) => contents(script(seed), core(seed)));
  assert.ok(complete.some((each) => JSON.stringify(each) === JSON.stringify(found)));
  assert.deepEqual(filesIn(join(bench.layout.root, "partial")), []);
  assert.deepEqual(filesIn(dirname(bench.record)), ["record.json"]);
});

Deno.test("CompiledStore.find misses after the cache was deleted, and put writes it again", async () => {
  using bench = new Bench();
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  Deno.removeSync(bench.layout.root, { recursive: true });
  assert.equal(bench.found(), undefined);
  assert.deepEqual(await bench.listed(), []);
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  assert.deepEqual(bench.found(), contents(script(), core()));
});

Deno.test("a snapshot lists what CompiledStore.put wrote, with its size and last use", async () => {
  using bench = new Bench();
  const other = digestOf(sampleBytes(12));
  await bench.store.put(COMPONENT, "b-2", [script(), core()]);
  await bench.store.put(COMPONENT, "a-1", [script(), { ...script(), name: "copy.js" }]);
  await bench.store.put(other, ENGINE, [core()]);
  bench.store.find(COMPONENT, "a-1", NOW);
  bench.store.find(other, ENGINE, Date.now() + 1e9);
  bench.writeRecord("{");
  Deno.mkdirSync(join(bench.layout.compiled, "no digest", "x"), { recursive: true });
  Deno.mkdirSync(join(bench.layout.compiled, COMPONENT, "no engine "));

  const now = Date.now();
  const listed = new Map((await bench.listed(now)).map((entry) => [entry.name, entry]));
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
    bench.layout.compiledFolder(COMPONENT, "b-2"),
  );
  assert.equal(listed.get(`${COMPONENT}/a-1`)!.lastUsed, NOW);
  assert.equal(listed.get(`${other}/${ENGINE}`)!.lastUsed, now);
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
    using bench = new Bench();
    await bench.store.put(COMPONENT, ENGINE, [script()]);
    assert.ok(bench.found());
    bench.writeRecord(record);
    assert.deepEqual([bench.found(), await bench.listed()], [undefined, []]);
  });
}

Deno.test("CompiledStore.put rejects files that a record cannot name", async () => {
  using bench = new Bench();
  for (const files of [[], [{ ...script(), name: "a/b" }], [script(), script(5)]]) {
    await assert.rejects(bench.store.put(COMPONENT, ENGINE, files));
  }
  assert.equal(bench.found(), undefined);
});

Deno.test("CompiledStore.find returns existing blobs or misses, whatever the record contains", async () => {
  using bench = new Bench();
  await bench.store.put(COMPONENT, ENGINE, [script()]);
  const part = fc.record({
    name: fc.oneof(fc.constantFrom("app.js", "x.wasm", ".."), fc.string()),
    mediaType: fc.constantFrom("text/javascript", "application/wasm"),
    digest: fc.oneof(fc.constant(file.digest), fc.string()),
    size: fc.oneof(fc.constant(300), fc.integer()),
  }, { requiredKeys: [] });
  const record = fc.record({ schemaVersion: fc.constantFrom(1, 2), files: fc.array(part) });
  const text = fc.oneof(record.map((value) => JSON.stringify(value)), fc.json(), fc.string());
  fc.assert(fc.property(text, (content) => {
    bench.writeRecord(content);
    for (const bytes of Object.values(bench.found() ?? {})) {
      assert.deepEqual(bytes, script().bytes);
    }
  }));
});
