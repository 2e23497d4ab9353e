import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files.ts";
import { digestOf } from "../../../src/oci/hash.ts";
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

  /** What `find` gives, as bytes. */
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

Deno.test("what an engine made is found again, by component and engine alone", async () => {
  using bench = new Bench();
  assert.equal(bench.found(), undefined);
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  assert.deepEqual(bench.found(), contents(script(), core()));
  assert.equal(bench.store.find(COMPONENT, "jco-1.2.4"), undefined);
  assert.equal(bench.store.find(digestOf(sampleBytes(11)), ENGINE), undefined);
});

Deno.test("its files are blobs like any other, in the tree of their type, and the record names them", async () => {
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
  Deno.test(`a blob in ${name}/ that is missing or cut short makes it a miss, and putting it again heals it`, async () => {
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

Deno.test("finding it marks it as used, and missing it does not", async () => {
  using bench = new Bench();
  const used = () => Deno.statSync(bench.record).mtime?.getTime();
  await bench.store.put(COMPONENT, ENGINE, [script()]);
  bench.store.find(COMPONENT, ENGINE, NOW);
  assert.equal(used(), NOW);
  Deno.removeSync(bench.pathOf(script()));
  bench.store.find(COMPONENT, ENGINE, NOW + 5000);
  assert.equal(used(), NOW);
});

Deno.test("many who put the same at once, or each their own, end with one that is whole", async () => {
  using bench = new Bench();
  const rounds = [1, 2, 3, 1, 2, 3, 1, 1];
  await Promise.all(rounds.map((seed) => {
    const own = new CompiledStore(bench.layout, new BlobStore(bench.layout));
    return own.put(COMPONENT, ENGINE, [script(seed), core(seed), core(9)].slice(0, 2));
  }));
  const found = bench.found();
  const whole = [1, 2, 3].map((seed) => contents(script(seed), core(seed)));
  assert.ok(whole.some((each) => JSON.stringify(each) === JSON.stringify(found)));
  assert.deepEqual(filesIn(join(bench.layout.root, "partial")), []);
  assert.deepEqual(filesIn(dirname(bench.record)), ["record.json"]);
});

Deno.test("deleting the cache costs only another compilation", async () => {
  using bench = new Bench();
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  Deno.removeSync(bench.layout.root, { recursive: true });
  assert.equal(bench.found(), undefined);
  assert.deepEqual(bench.store.list(), []);
  await bench.store.put(COMPONENT, ENGINE, [script(), core()]);
  assert.deepEqual(bench.found(), contents(script(), core()));
});

Deno.test("all that was compiled is listed, with what it takes", async () => {
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
  const listed = bench.store.list(now).sort((a, b) => a.engine < b.engine ? -1 : 1);
  assert.deepEqual(listed.map(({ component, engine, size }) => [component, engine, size]), [
    [COMPONENT, "a-1", 300],
    [COMPONENT, "b-2", 5300],
    [other, ENGINE, 5000],
  ]);
  assert.deepEqual(listed[1]!.files.map(({ name }) => name), ["app.js", "app.core2.wasm"]);
  assert.equal(listed[1]!.folder, bench.layout.compiledFolder(COMPONENT, "b-2"));
  assert.equal(listed[0]!.lastUsed, NOW);
  assert.equal(listed[2]!.lastUsed, now);
});

const file = { name: "app.js", ...describe(sampleBytes(300), "text/javascript") };

for (
  const [name, record] of [
    ["no JSON", "half a rec"],
    ["another schema", { schemaVersion: 2, files: [file] }],
    ["no files", { schemaVersion: 1, files: [] }],
    ["a name that is a path", { schemaVersion: 1, files: [{ ...file, name: "../app.js" }] }],
    ["a hidden name", { schemaVersion: 1, files: [{ ...file, name: ".app" }] }],
    ["a digest that is a path", { schemaVersion: 1, files: [{ ...file, digest: "../x" }] }],
    ["a size below 0", { schemaVersion: 1, files: [{ ...file, size: -1 }] }],
    ["one name twice", { schemaVersion: 1, files: [file, file] }],
  ] as const
) {
  Deno.test(`a record with ${name} counts as none`, async () => {
    using bench = new Bench();
    await bench.store.put(COMPONENT, ENGINE, [script()]);
    assert.ok(bench.found());
    bench.writeRecord(record);
    assert.deepEqual([bench.found(), bench.store.list()], [undefined, []]);
  });
}

Deno.test("files that no record may name are refused, and nothing is found", async () => {
  using bench = new Bench();
  for (const files of [[], [{ ...script(), name: "a/b" }], [script(), script(5)]]) {
    await assert.rejects(bench.store.put(COMPONENT, ENGINE, files));
  }
  assert.equal(bench.found(), undefined);
});

Deno.test("whatever stands in a record, it is a hit of blobs that are there, or a miss", async () => {
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

Deno.test("a blob from memory is written once, whatever an earlier try left of it", async () => {
  using bench = new Bench();
  const bytes = sampleBytes(1000);
  const descriptor = describe(bytes, "text/javascript");
  ensureFolder(join(bench.layout.root, "partial"));
  Deno.writeFileSync(bench.layout.partial(descriptor.digest), sampleBytes(10, 7));
  for (const _ of [1, 2]) {
    assert.deepEqual(await bench.blobs.write(bytes, "text/javascript"), descriptor);
    assert.deepEqual(Deno.readFileSync(bench.layout.blobOf(descriptor)), bytes);
  }
  assert.deepEqual(filesIn(join(bench.layout.root, "partial")), []);
});

Deno.test("a blob from memory that cannot be written says why", async () => {
  using bench = new Bench();
  Deno.writeTextFileSync(bench.layout.root, "a file in the way");
  const failure = bench.blobs.write(sampleBytes(10), "text/javascript");
  await assert.rejects(failure, (error) => hasCode(error, "LDR_DISK"));
});
