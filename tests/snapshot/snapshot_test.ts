import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { SPIN_ARCHIVE } from "../../src/oci/media_types.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../src/snapshot/types.ts";
import { Layout } from "../../src/store/layout.ts";
import {
  blob,
  image,
  index,
  MEDIA_TYPES,
  multiPlatform,
  platformOf,
  randomBytes,
  type TestBlob,
  utf8,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { allocatedBelow } from "../support/cache/store_check.ts";
import { DAY, relativePathOf, TestCache } from "../support/cache/test_cache.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { contentOf, only, referenced, snapshotOf } from "../support/cache/snapshots.ts";

/** Returns the blobs that unpacking a Spin archive of these files writes. */
function unpacked(...texts: string[]): TestBlob[] {
  return texts.map((text) => blob(text, MEDIA_TYPES.spinData));
}

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);

Deno.test("takeSnapshot references the manifest and blobs of a pulled tag", async () => {
  using cache = new TestCache();
  const folder = cache.pulled("ghcr.io/acme/app:v1", ONE, { used: DAY });
  const snapshot = await snapshotOf(cache);
  const { size, unique, ownSize, ownAllocated, references: _, ownFiles, ...entry } = only(snapshot);
  assert.deepEqual(entry, {
    type: "image",
    name: "ghcr.io/acme/app:v1",
    group: "ghcr.io/acme/app",
    digest: ONE.descriptor.digest,
    folder,
    createdAt: cache.now - DAY,
    lastUsed: cache.now - DAY,
    stamp: cache.now - DAY,
    stampFile: "record.json",
    pin: undefined,
    writtenBy: "larder",
    record: JSON.parse(Deno.readTextFileSync(join(folder, "record.json"))),
    problem: undefined,
    isFromNewerVersion: false,
    isUnlisted: false,
  });
  assert.deepEqual(referenced(snapshot, snapshot.entries[0]!), contentOf("ghcr.io/acme/app", ONE));
  assert.deepEqual(ownFiles.toSorted(), ["config.json", "manifest.json", "record.json"]);
  const own = ownFiles.reduce((sum, name) => sum + Deno.statSync(join(folder, name)).size, 0);
  assert.deepEqual([ownSize, size, unique], [own, cache.size(), cache.size()]);
  assert.equal(snapshot.size, cache.size());
  assert.equal(ownAllocated, allocatedBelow(folder));
});

Deno.test("takeSnapshot counts blocks of the disk as du does, a file with two names once", async () => {
  using cache = new TestCache();
  const module = blob(wasmModule("shared"), MEDIA_TYPES.spinWasm);
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  cache.pulled(
    "ghcr.io/acme/deep/app:v2",
    image(["another layer", module, blob(randomBytes(9000, "x"))]),
  );
  cache.pulledBySpin("docker.io/library/x:v3", ONE);
  cache.pulledByDigest("docker.io/library/x", TWO);
  cache.package("deb/hello/1/amd64", blob("a package"));
  cache.compiled(module.descriptor.digest, "v1", [module]);
  cache.write("partial/" + module.descriptor.digest, "partial");
  const { digest } = module.descriptor;
  Deno.linkSync(join(cache.registry, "wasm", digest), join(cache.registry, "data", digest));
  // Empty files and folders are not counted.
  const folders = ["", "manifests", "packages", "compiled", "partial", "leases"];
  const uncounted = folders.map((name) => join(cache.registry, name)).filter(existsSync)
    .reduce((sum, path) => sum + Deno.statSync(path).blocks! * 512, 0);
  const { allocated } = await snapshotOf(cache);
  assert.equal(allocated, allocatedBelow(cache.registry) - uncounted);
});

Deno.test("takeSnapshot counts shared content in the size of each entry and in none's unique size", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  cache.pulled("ghcr.io/acme/app:v2", TWO);
  const snapshot = await snapshotOf(cache);
  const [one, two] = snapshot.entries;
  const shared = "shared".length;
  assert.equal(one!.size - one!.unique, shared);
  assert.equal(two!.size - two!.unique, shared);
  assert.equal(one!.unique + two!.unique + shared, cache.size());
  assert.equal(snapshot.size, cache.size());
});

Deno.test("takeSnapshot counts only own files as unique for two tags of one manifest", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  cache.pulled("ghcr.io/acme/app:latest", ONE);
  for (const entry of (await snapshotOf(cache)).entries) assert.equal(entry.unique, entry.ownSize);
});

Deno.test("takeSnapshot references the platforms of an index that exist", async () => {
  using cache = new TestCache();
  const all = multiPlatform("linux/amd64", "linux/arm64", "linux/arm/v7");
  cache.pulled("ghcr.io/acme/app:v1", all);
  const missing = all.children[2]!;
  Deno.removeSync(
    join(cache.registry, "manifests/ghcr.io/acme/app", missing.descriptor.digest),
    { recursive: true },
  );
  const snapshot = await snapshotOf(cache);
  const gone = contentOf("ghcr.io/acme/app", missing);
  const expected = contentOf("ghcr.io/acme/app", all).filter((path) =>
    !gone.includes(path) ||
    all.children.slice(0, 2).some((child) => contentOf("ghcr.io/acme/app", child).includes(path))
  );
  assert.deepEqual(referenced(snapshot, only(snapshot)), expected);
  const orphan = missing.blobs[1]!;
  const place = snapshot.contents.findIndex(({ path }) => path.endsWith(orphan.descriptor.digest));
  assert.equal(snapshot.referenceCounts[place], 0);
});

Deno.test("takeSnapshot follows nested indexes to a depth of four", async () => {
  using cache = new TestCache();
  let nested = index([{ artifact: ONE, platform: platformOf("linux/amd64") }]);
  const levels = [nested];
  for (let depth = 1; depth < 6; depth++) {
    nested = index([{ artifact: nested, platform: platformOf("linux/amd64") }]);
    levels.push(nested);
  }
  cache.pulledByDigest("ghcr.io/acme/app", levels[3]!);
  cache.pulledByDigest("ghcr.io/acme/app", levels[5]!);
  const snapshot = await snapshotOf(cache);
  const layer = relativePathOf(ONE.blobs[1]!);
  const reaching = snapshot.entries.filter((entry) => referenced(snapshot, entry).includes(layer));
  assert.deepEqual(reaching.map(({ digest }) => digest), [levels[3]!.descriptor.digest]);
});

Deno.test("takeSnapshot makes an entry of a digest only if it was pulled", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  const folder = cache.pulledByDigest("ghcr.io/acme/app", TWO, { used: DAY });
  const snapshot = await snapshotOf(cache);
  assert.deepEqual(
    snapshot.entries.map(({ name }) => name),
    [
      "ghcr.io/acme/app:v1",
      `ghcr.io/acme/app@${TWO.descriptor.digest}`,
    ].sort(),
  );
  const entry = snapshot.entries.find((each) => each.folder === folder)!;
  assert.deepEqual(entry.ownFiles, ["record.json"]);
  assert.equal(entry.ownSize, Deno.statSync(join(folder, "record.json")).size);
  assert.deepEqual(referenced(snapshot, entry), contentOf("ghcr.io/acme/app", TWO));
});

Deno.test("takeSnapshot names a digest with the tag that it was pulled with", async () => {
  using cache = new TestCache();
  const folder = cache.pulledByDigest("ghcr.io/acme/app", ONE);
  const path = join(folder, "record.json");
  const name = `ghcr.io/acme/app:v7@${ONE.descriptor.digest}`;
  const record = { ...JSON.parse(Deno.readTextFileSync(path)), reference: name };
  Deno.writeTextFileSync(path, JSON.stringify(record));
  assert.equal(only(await snapshotOf(cache)).name, name);
});

Deno.test("takeSnapshot references the files that a locked app names", async () => {
  const app = await spinApp({
    files: { "a.txt": "asset" },
    archived: { "b.txt": "packed", "c.txt": "packed too" },
    inlined: { "d.txt": "inline" },
  });
  const files = unpacked("packed", "packed too");
  for (const writer of ["pulled", "pulledBySpin"] as const) {
    using cache = new TestCache();
    cache[writer]("ghcr.io/acme/app:v1", app);
    cache.blobs(files);
    const snapshot = await snapshotOf(cache);
    const [config, ...layers] = app.blobs;
    const manifest = join("manifests/ghcr.io/acme/app", app.descriptor.digest);
    const expected = [
      ...[...layers, ...files]
        .filter((b) => b.descriptor.mediaType !== MEDIA_TYPES.spinApplication)
        .map(relativePathOf),
      ...(writer === "pulled" ? [relativePathOf(config!), manifest] : []),
    ];
    assert.deepEqual(referenced(snapshot, only(snapshot)), expected.sort());
    assert.equal(only(snapshot).writtenBy, writer === "pulled" ? "larder" : "spin");
  }
});

Deno.test("takeSnapshot references the files of an app from before Spin 2.0", async () => {
  using cache = new TestCache();
  cache.pulled(
    "ghcr.io/acme/app:v1",
    await spinApp({ archived: { "a.txt": "packed" }, old: true }),
  );
  const [file] = unpacked("packed");
  cache.blobs([file!]);
  const snapshot = await snapshotOf(cache);
  assert.ok(referenced(snapshot, only(snapshot)).includes(relativePathOf(file!)));
});

Deno.test("takeSnapshot references content in both trees of blobs", async () => {
  using cache = new TestCache();
  const bytes = wasmModule("both");
  const asWasm = blob(bytes, MEDIA_TYPES.spinWasm);
  cache.pulled("ghcr.io/acme/app:v1", image([asWasm, blob(bytes, MEDIA_TYPES.spinData)]));
  const snapshot = await snapshotOf(cache);
  const { digest } = asWasm.descriptor;
  const places = referenced(snapshot, only(snapshot)).filter((path) => path.endsWith(digest));
  assert.deepEqual(places, [`data/${digest}`, `wasm/${digest}`]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("takeSnapshot takes a tag for Spin's after Spin replaced its content, and keeps what its record names", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: 2 * DAY });
  cache.pulledBySpin("ghcr.io/acme/app:v1", TWO, { used: DAY });
  const snapshot = await snapshotOf(cache);
  const entry = only(snapshot);
  assert.deepEqual([entry.writtenBy, entry.record, entry.stampFile, entry.lastUsed], [
    "spin",
    undefined,
    "manifest.json",
    cache.now - DAY,
  ]);
  const paths = referenced(snapshot, entry);
  assert.ok(paths.includes(relativePathOf(TWO.blobs[1]!)));
  assert.ok(paths.includes(relativePathOf(ONE.blobs[1]!)));
  assert.ok(entry.ownFiles.includes("record.json"));
  assert.equal(entry.unique, entry.size);
});

for (const spinUsedLast of [true, false]) {
  const who = spinUsedLast ? "Spin" : "larder";
  Deno.test(`takeSnapshot keeps the record of a tag whose manifest Spin rewrote, last used by ${who}`, async () => {
    using cache = new TestCache();
    const name = "ghcr.io/acme/app:v1";
    const app = await spinApp({ files: { "a.txt": "A" } });
    const folder = cache.pulled(name, app, { used: 2 * DAY });
    const [used, stampFile] = spinUsedLast ? [DAY, "manifest.json"] : [3 * DAY, "record.json"];
    cache.pulledBySpin(name, app, { used });
    // Spin was killed when it had truncated its locked app.
    Deno.writeTextFileSync(join(folder, "config.json"), "");
    const snapshot = await snapshotOf(cache);
    const entry = only(snapshot);
    const { digest } = app.descriptor;
    assert.deepEqual(
      [entry.writtenBy, entry.record?.digest, entry.digest, entry.problem],
      ["larder", digest, digest, undefined],
    );
    assert.deepEqual([entry.stampFile, entry.lastUsed], [
      stampFile,
      cache.now - Math.min(used, 2 * DAY),
    ]);
    assert.ok(referenced(snapshot, entry).includes(`manifests/ghcr.io/acme/app/${digest}`));
    assert.equal(snapshot.size, cache.size());
    assert.equal(entry.size, snapshot.size);
  });
}

Deno.test("takeSnapshot reads packages, builds and compiled code", async () => {
  using cache = new TestCache();
  const component = blob("component").descriptor.digest;
  const specification = blob("specification").descriptor.digest;
  const files = [blob("app.js", "text/javascript"), blob("app.wasm", MEDIA_TYPES.wasm)];
  cache.package("debian/hello/2.10/amd64", blob("package"), { used: DAY });
  cache.build("edge", specification, blob("disk image"), { used: 2 * DAY });
  cache.compiled(component, "jco-1.2.3", files, { used: 3 * DAY });
  const snapshot = await snapshotOf(cache);
  assert.deepEqual(
    snapshot.entries.map(({ type, name, group, digest, lastUsed, problem }) => ({
      type,
      name,
      group,
      digest,
      lastUsed: (cache.now - lastUsed) / DAY,
      problem,
    })),
    [
      {
        type: "package",
        name: "debian/hello/2.10/amd64",
        group: "debian/hello/amd64",
        digest: blob("package").descriptor.digest,
        lastUsed: 1,
        problem: undefined,
      },
      {
        type: "build",
        name: `edge@${specification}`,
        group: "edge",
        digest: blob("disk image").descriptor.digest,
        lastUsed: 2,
        problem: undefined,
      },
      {
        type: "compiled",
        name: `${component}/jco-1.2.3`,
        group: component,
        digest: component,
        lastUsed: 3,
        problem: undefined,
      },
    ],
  );
  const paths = snapshot.entries.map((entry) => referenced(snapshot, entry));
  assert.deepEqual(paths[2], files.map(relativePathOf).sort());
  assert.deepEqual(snapshot.entries.map(({ size, ownSize }) => size - ownSize), [7, 10, 14]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("takeSnapshot reads builds in the folder of earlier versions", async () => {
  using cache = new TestCache();
  const [one, other] = ["one", "other"].map((text) => blob(text).descriptor.digest);
  cache.build("edge", one!, blob("disk image"));
  const folder = cache.build("core", other!, blob("old disk image"), {}, "images");
  assert.equal(relative(cache.registry, folder), `images/${other}`);
  const { entries } = await snapshotOf(cache);
  assert.deepEqual(entries.map(({ type, name, problem }) => [type, name, problem]), [
    ["build", `core@${other}`, undefined],
    ["build", `edge@${one}`, undefined],
  ]);
});

Deno.test("takeSnapshot reads the last use of a tag without a manifest from what is left of it", async () => {
  for (const file of ["record.json", "pin.json"]) {
    using cache = new TestCache();
    cache.write(`manifests/ghcr.io/acme/app/v1/${file}`, "no JSON", DAY);
    const { lastUsed, stampFile, stamp } = only(await snapshotOf(cache));
    assert.deepEqual([lastUsed, stamp, stampFile], [cache.now - DAY, cache.now - DAY, file]);
  }
});

Deno.test("takeSnapshot reads a package whose parts are encoded in its path", async () => {
  using cache = new TestCache();
  const layout = new Layout(cache.registry);
  const parts = ["http://deb.debian.org/debian bookworm/main", "..", "1:2.0~rc1+b1", "am*d."];
  const folder = layout.packageFolder(parts[0]!, parts[1]!, parts[2]!, parts[3]!);
  const names = relative(layout.packages, folder).split("/");
  assert.deepEqual(names, [
    "http%3A%2F%2Fdeb.debian.org%2Fdebian%20bookworm%2Fmain",
    "%2E%2E",
    "1%3A2.0~rc1%2Bb1",
    "am%2Ad%2E",
  ]);
  const [source, name, version, arch] = parts;
  const file = blob("package");
  cache.blobs([file]);
  cache.write(relative(cache.registry, join(folder, "record.json")), {
    schemaVersion: 1,
    source,
    name,
    version,
    arch,
    ...file.descriptor,
    createdAt: "2026-01-02T03:04:05Z",
  });
  assert.equal(only(await snapshotOf(cache)).name, parts.join("/"));
});

Deno.test("takeSnapshot gives an entry its own pin or that of a pattern", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { pinned: true });
  cache.pulled("ghcr.io/acme/team/app:v1", ONE);
  cache.pulled("docker.io/library/nginx:latest", ONE);
  cache.pulled("docker.io/library/redis:latest", ONE);
  cache.write("pins.json", {
    schemaVersion: 1,
    pins: [{ pattern: "ghcr.io/acme/*", note: "ours" }, { pattern: "nginx" }],
  });
  const pins = (await snapshotOf(cache)).entries.map(({ name, pin }) => [name, pin]);
  assert.deepEqual(Object.fromEntries(pins), {
    "ghcr.io/acme/app:v1": {},
    "ghcr.io/acme/team/app:v1": { pattern: "ghcr.io/acme/*", note: "ours" },
    "docker.io/library/nginx:latest": { pattern: "nginx" },
    "docker.io/library/redis:latest": undefined,
  });
});

Deno.test("takeSnapshot clamps times in the future to now", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: -DAY });
  const entry = only(await snapshotOf(cache));
  assert.deepEqual([entry.lastUsed, entry.createdAt], [cache.now, cache.now]);
  assert.equal(entry.stamp, cache.now + DAY);
});

Deno.test("takeSnapshot tells downloads, rubbish and foreign files apart", async () => {
  using cache = new TestCache();
  const folder = relative(cache.registry, cache.pulled("ghcr.io/acme/app:v1", ONE));
  const { digest } = ONE.descriptor;
  const partials = [`partial/${digest}`, `partial/${digest}.0a1b2c3d`];
  const rubbish = [
    join(folder, "record.json.tmp"),
    join(folder, "manifest.json.0a1b2c3d.tmp"),
    `data/${digest}.tmp`,
    `wasm/${digest}.0a1b2c3d.tmp`,
    "manifests/ghcr.io/acme/app/half/config.json",
    `manifests/ghcr.io/acme/app/sha256:${"0".repeat(64)}/config.json`,
  ];
  const foreign = [
    "data/notes.txt",
    "wasm/sha256:0",
    "data/notes.tmp",
    `data/${digest}.x.tmp`,
    "partial/notes.txt",
    join(folder, "notes.txt"),
    join(folder, "other.json.tmp"),
    "manifests/ghcr.io/manifest.json",
    "manifests/ghcr.io/acme/record.json",
    "packages/debian/record.json",
  ];
  for (const path of [...partials, ...rubbish, ...foreign]) cache.write(path, "x");
  Deno.symlinkSync("/etc/passwd", join(cache.registry, "data", digest));
  Deno.mkdirSync(join(cache.registry, "data", "folder"));
  const snapshot = await snapshotOf(cache);
  const paths = (files: readonly { path: string }[]) =>
    files.map(({ path }) => relative(cache.registry, path)).sort();
  assert.deepEqual(paths(snapshot.partials), partials);
  assert.deepEqual(paths(snapshot.rubbish), rubbish.toSorted());
  assert.deepEqual(paths(snapshot.foreign), [...foreign, `data/${digest}`, "data/folder"].sort());
  assert.deepEqual(snapshot.entries.map(({ name }) => name), ["ghcr.io/acme/app:v1"]);
});

Deno.test("takeSnapshot lists empty folders, deepest first", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  Deno.mkdirSync(join(cache.registry, "manifests/ghcr.io/acme/gone/v1"), { recursive: true });
  const folders = (await snapshotOf(cache)).emptyFolders.map((path) =>
    relative(cache.registry, path)
  );
  assert.deepEqual(folders, [
    "manifests/ghcr.io/acme/gone/v1",
    "manifests/ghcr.io/acme/gone",
  ]);
});

Deno.test("takeSnapshot of a missing cache is empty and creates nothing", async () => {
  using cache = new TestCache();
  const snapshot = await snapshotOf(cache);
  assert.deepEqual([snapshot.entries, snapshot.contents, snapshot.size], [[], [], 0]);
  assert.deepEqual([...Deno.readDirSync(cache.path)], []);
});

Deno.test("takeSnapshot stats blobs that Spin wrote instead of trusting the manifest", async () => {
  using cache = new TestCache();
  const app = image([blob(utf8("cut"), MEDIA_TYPES.ociLayer, { size: 1_000_000 })]);
  cache.pulledBySpin("ghcr.io/acme/app:v1", app);
  assert.equal((await snapshotOf(cache)).size, cache.size());
});

Deno.test("takeSnapshot reports how many entries of all types it has read", async () => {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/one:v1", image(["one"]));
  cache.pulled("ghcr.io/acme/two:v1", image(["two"]));
  cache.package("debian/hello/2.10/amd64", blob("package"));
  const counts: number[] = [];
  await takeSnapshot(new Layout(cache.registry), cache.now, {
    progressed: (entries) => counts.push(entries),
  });
  assert.deepEqual([...new Set(counts)], [0, 1, 2, 3]);
});

Deno.test("takeSnapshot of a repository reads its entries as one of the whole cache does", async () => {
  using cache = new TestCache();
  const shared = blob("shared");
  const app = await spinApp();
  cache.pulled("ghcr.io/acme/app:v1", image([shared, "one"]), { used: DAY, pinned: true });
  cache.pulled("ghcr.io/acme/app:v2", multiPlatform("linux/amd64", "linux/arm64"));
  cache.pulledByDigest("ghcr.io/acme/app", image(["three"]));
  cache.pulled("ghcr.io/acme/app:spin", app);
  cache.pulledBySpin("ghcr.io/acme/app:spins", app);
  const packed = await spinApp({ archived: { "a.txt": "packed" } });
  cache.pulled("ghcr.io/acme/app:packed", packed);
  const archive = packed.blobs.find(({ descriptor }) => descriptor.mediaType === SPIN_ARCHIVE)!;
  // Only the list names the second file.
  const files = [...unpacked("packed"), blob("only in the archive", MEDIA_TYPES.spinData)];
  cache.blobs(files);
  const list = files.map(({ descriptor: { digest, size } }) => `${digest} ${size}\n`).join("");
  cache.write(`archives/${archive.descriptor.digest}`, list);
  cache.pulled("ghcr.io/acme/app/below:v1", image(["below"]));
  cache.pulled("ghcr.io/acme/other:v1", image([shared]));
  cache.package("debian/hello/2.10/amd64", shared);
  Deno.removeSync(join(cache.pulled("ghcr.io/acme/app:bad", image(["bad"])), "manifest.json"));
  const layout = new Layout(cache.registry);
  const whole = await takeSnapshot(layout, cache.now);
  const part = await takeSnapshot(layout, cache.now, {
    repository: parseReference("ghcr.io/acme/app"),
  });
  const described = ({ contents }: CacheSnapshot, { unique: _, ...entry }: SnapshotEntry) => ({
    ...entry,
    references: entry.references.map((id) => contents[id]!.path).sort(),
  });
  const isRead = ({ group, type }: SnapshotEntry) =>
    group === "ghcr.io/acme/app" || type === "package";
  assert.equal(part.entries.length, 8);
  const ofPacked = part.entries.find(({ name }) => name.endsWith(":packed"))!;
  assert.ok(files.every((file) => referenced(part, ofPacked).includes(relativePathOf(file))));
  assert.deepEqual(
    part.entries.map((entry) => described(part, entry)),
    whole.entries.filter(isRead).map((entry) => described(whole, entry)),
  );
});
