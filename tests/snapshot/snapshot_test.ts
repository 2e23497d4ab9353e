import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../../src/snapshot/types.ts";
import { Layout } from "../../src/store/layout.ts";
import {
  type Artifact,
  blob,
  image,
  index,
  MEDIA_TYPES,
  multiPlatform,
  platformOf,
  type TestBlob,
  utf8,
  wasmArtifact,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { CacheFolder, DAY, relativePathOf } from "../support/cache/cache_folder.ts";
import { spinApp } from "../support/cache/spin_apps.ts";

async function surveyOf(cache: CacheFolder): Promise<CacheSnapshot> {
  return await takeSnapshot(new Layout(cache.registry), cache.now);
}

/** The one entry there is. */
function only(snapshot: CacheSnapshot): SnapshotEntry {
  assert.deepEqual(snapshot.entries.map(({ name }) => name).length, 1);
  return snapshot.entries[0]!;
}

/** What an entry reaches, as paths relative to the registry, sorted. */
function reached(snapshot: CacheSnapshot, entry: SnapshotEntry): string[] {
  return entry.references.map((place) =>
    relative(snapshot.layout.root, snapshot.contents[place]!.path)
  )
    .sort();
}

/** Where the content of an artifact in a repository lies: manifests and blobs, all platforms of it. */
function contentOf(repository: string, artifact: Artifact): string[] {
  return [
    join("manifests", repository, artifact.descriptor.digest),
    ...artifact.blobs
      .filter((b) => b.descriptor.mediaType !== MEDIA_TYPES.spinApplication)
      .map(relativePathOf),
    ...artifact.children.flatMap((child) => contentOf(repository, child)),
  ].sort();
}

/** The files of a Spin archive, as the blobs that unpacking makes of them. */
function unpacked(...texts: string[]): TestBlob[] {
  return texts.map((text) => blob(text, MEDIA_TYPES.spinData));
}

const REPOSITORY = "ghcr.io/acme/app";
const NAME = `${REPOSITORY}:v1`;
const SPIN_APP = await spinApp({ files: { "a.txt": "asset" } });
const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);

Deno.test("a tag that larder pulled reaches its manifest by digest and the blobs of it", async () => {
  using cache = new CacheFolder();
  const folder = cache.pulled("ghcr.io/acme/app:v1", ONE, { used: DAY });
  const snapshot = await surveyOf(cache);
  const { size, unique, ownSize, references: _, ownFiles, ...entry } = only(snapshot);
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
  });
  assert.deepEqual(reached(snapshot, snapshot.entries[0]!), contentOf("ghcr.io/acme/app", ONE));
  assert.deepEqual(ownFiles.toSorted(), ["config.json", "manifest.json", "record.json"]);
  const own = ownFiles.reduce((sum, name) => sum + Deno.statSync(join(folder, name)).size, 0);
  assert.deepEqual([ownSize, size, unique], [own, cache.size(), cache.size()]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("what entries share counts for each and is unique to none", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  cache.pulled("ghcr.io/acme/app:v2", TWO);
  const snapshot = await surveyOf(cache);
  const [one, two] = snapshot.entries;
  const shared = "shared".length;
  assert.equal(one!.size - one!.unique, shared);
  assert.equal(two!.size - two!.unique, shared);
  assert.equal(one!.unique + two!.unique + shared, cache.size());
  assert.equal(snapshot.size, cache.size());
});

Deno.test("two tags of one manifest share all but their own files", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  cache.pulled("ghcr.io/acme/app:latest", ONE);
  for (const entry of (await surveyOf(cache)).entries) assert.equal(entry.unique, entry.ownSize);
});

Deno.test("an index reaches those of its platforms that are there", async () => {
  using cache = new CacheFolder();
  const all = multiPlatform("linux/amd64", "linux/arm64", "linux/arm/v7");
  cache.pulled("ghcr.io/acme/app:v1", all);
  const missing = all.children[2]!;
  Deno.removeSync(
    join(cache.registry, "manifests/ghcr.io/acme/app", missing.descriptor.digest),
    { recursive: true },
  );
  const snapshot = await surveyOf(cache);
  const gone = contentOf("ghcr.io/acme/app", missing);
  const expected = contentOf("ghcr.io/acme/app", all).filter((path) =>
    !gone.includes(path) ||
    all.children.slice(0, 2).some((child) => contentOf("ghcr.io/acme/app", child).includes(path))
  );
  assert.deepEqual(reached(snapshot, only(snapshot)), expected);
  const orphan = missing.blobs[1]!;
  const place = snapshot.contents.findIndex(({ path }) => path.endsWith(orphan.descriptor.digest));
  assert.equal(snapshot.referenceCounts[place], 0);
});

Deno.test("indexes within indexes are followed, four deep and no deeper", async () => {
  using cache = new CacheFolder();
  let nested = index([{ artifact: ONE, platform: platformOf("linux/amd64") }]);
  const levels = [nested];
  for (let depth = 1; depth < 6; depth++) {
    nested = index([{ artifact: nested, platform: platformOf("linux/amd64") }]);
    levels.push(nested);
  }
  cache.pulledByDigest("ghcr.io/acme/app", levels[3]!);
  cache.pulledByDigest("ghcr.io/acme/app", levels[5]!);
  const snapshot = await surveyOf(cache);
  const layer = relativePathOf(ONE.blobs[1]!);
  const reaching = snapshot.entries.filter((entry) => reached(snapshot, entry).includes(layer));
  assert.deepEqual(reaching.map(({ digest }) => digest), [levels[3]!.descriptor.digest]);
});

Deno.test("a digest that was asked for is an entry, one that was not is content of others", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  const folder = cache.pulledByDigest("ghcr.io/acme/app", TWO, { used: DAY });
  const snapshot = await surveyOf(cache);
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
  assert.deepEqual(reached(snapshot, entry), contentOf("ghcr.io/acme/app", TWO));
});

Deno.test("a digest that was asked for with a tag is shown with it", async () => {
  using cache = new CacheFolder();
  const folder = cache.pulledByDigest("ghcr.io/acme/app", ONE);
  const path = join(folder, "record.json");
  const name = `ghcr.io/acme/app:v7@${ONE.descriptor.digest}`;
  const record = { ...JSON.parse(Deno.readTextFileSync(path)), reference: name };
  Deno.writeTextFileSync(path, JSON.stringify(record));
  assert.equal(only(await surveyOf(cache)).name, name);
});

Deno.test("Spin's locked app reaches the files that were unpacked from archives", async () => {
  const app = await spinApp({
    files: { "a.txt": "asset" },
    archived: { "b.txt": "packed", "c.txt": "packed too" },
    inlined: { "d.txt": "inline" },
  });
  const files = unpacked("packed", "packed too");
  for (const writer of ["pulled", "spins"] as const) {
    using cache = new CacheFolder();
    cache[writer]("ghcr.io/acme/app:v1", app);
    cache.blobs(files);
    const snapshot = await surveyOf(cache);
    const [config, ...layers] = app.blobs;
    const manifest = join("manifests/ghcr.io/acme/app", app.descriptor.digest);
    const expected = [
      ...[...layers, ...files]
        .filter((b) => b.descriptor.mediaType !== MEDIA_TYPES.spinApplication)
        .map(relativePathOf),
      ...(writer === "pulled" ? [relativePathOf(config!), manifest] : []),
    ];
    assert.deepEqual(reached(snapshot, only(snapshot)), expected.sort());
    assert.equal(only(snapshot).writtenBy, writer === "pulled" ? "larder" : "spin");
  }
});

Deno.test("an app of before Spin 2.0, whose config is the locked app, reaches its files too", async () => {
  using cache = new CacheFolder();
  cache.pulled(
    "ghcr.io/acme/app:v1",
    await spinApp({ archived: { "a.txt": "packed" }, old: true }),
  );
  const [file] = unpacked("packed");
  cache.blobs([file!]);
  const snapshot = await surveyOf(cache);
  assert.ok(reached(snapshot, only(snapshot)).includes(relativePathOf(file!)));
});

Deno.test("content that is wanted as Wasm and as a file is reached in both trees", async () => {
  using cache = new CacheFolder();
  const bytes = wasmModule("both");
  const asWasm = blob(bytes, MEDIA_TYPES.spinWasm);
  cache.pulled("ghcr.io/acme/app:v1", image([asWasm, blob(bytes, MEDIA_TYPES.spinData)]));
  const snapshot = await surveyOf(cache);
  const { digest } = asWasm.descriptor;
  const places = reached(snapshot, only(snapshot)).filter((path) => path.endsWith(digest));
  assert.deepEqual(places, [`data/${digest}`, `wasm/${digest}`]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("where Spin has replaced the manifest, the entry is Spin's and the old content is an orphan", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: 2 * DAY });
  cache.spins("ghcr.io/acme/app:v1", TWO, { used: DAY });
  const snapshot = await surveyOf(cache);
  const entry = only(snapshot);
  assert.deepEqual([entry.writtenBy, entry.record, entry.stampFile, entry.lastUsed], [
    "spin",
    undefined,
    "manifest.json",
    cache.now - DAY,
  ]);
  const paths = reached(snapshot, entry);
  assert.ok(paths.includes(relativePathOf(TWO.blobs[1]!)));
  assert.ok(!paths.includes(relativePathOf(ONE.blobs[1]!)));
  assert.ok(entry.ownFiles.includes("record.json"));
  assert.equal(entry.unique, entry.ownSize + "another layer".length + "shared".length);
});

Deno.test("packages, builds and compiled code are entries, each with its blob", async () => {
  using cache = new CacheFolder();
  const component = blob("component").descriptor.digest;
  const specification = blob("specification").descriptor.digest;
  const files = [blob("app.js", "text/javascript"), blob("app.wasm", MEDIA_TYPES.wasm)];
  cache.package("debian/hello/2.10/amd64", blob("package"), { used: DAY });
  cache.build("edge", specification, blob("disk image"), { used: 2 * DAY });
  cache.compiled(component, "jco-1.2.3", files, { used: 3 * DAY });
  const snapshot = await surveyOf(cache);
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
  const paths = snapshot.entries.map((entry) => reached(snapshot, entry));
  assert.deepEqual(paths[2], files.map(relativePathOf).sort());
  assert.deepEqual(snapshot.entries.map(({ size, ownSize }) => size - ownSize), [7, 10, 14]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("builds are read where earlier versions kept them too", async () => {
  using cache = new CacheFolder();
  const [one, other] = ["one", "other"].map((text) => blob(text).descriptor.digest);
  cache.build("edge", one!, blob("disk image"));
  const folder = cache.build("core", other!, blob("old disk image"), {}, "images");
  assert.equal(relative(cache.registry, folder), `images/${other}`);
  const { entries } = await surveyOf(cache);
  assert.deepEqual(entries.map(({ type, name, problem }) => [type, name, problem]), [
    ["build", `core@${other}`, undefined],
    ["build", `edge@${one}`, undefined],
  ]);
});

const HELM_CHART = image(
  [blob("chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
  { config: blob("{}", "application/vnd.cncf.helm.config.v1+json") },
);
const WASI = platformOf("wasi/wasm");
const LINUX = platformOf("linux/amd64");
const NESTED = index([{ artifact: index([{ artifact: ONE, platform: LINUX }]) }]);

/** Writes one entry, and what is then lost of it. */
const TYPES: [name: string, write: (cache: CacheFolder) => unknown, type: EntryType][] = [
  ["a container image", (cache) => cache.pulled(NAME, ONE), "image"],
  ["a Docker image", (cache) => cache.pulled(NAME, image(["x"], { docker: true })), "image"],
  ["a Wasm package", (cache) => cache.pulled(NAME, wasmArtifact()), "app"],
  ["a Spin app", (cache) => cache.pulled(NAME, SPIN_APP), "app"],
  ["a Spin app that Spin pulled", (cache) => cache.spins(NAME, SPIN_APP), "app"],
  ["a container image that Spin pulled", (cache) => cache.spins(NAME, ONE), "image"],
  ["a Helm chart", (cache) => cache.pulled(NAME, HELM_CHART), "app"],
  [
    "an index of container images",
    (cache) => cache.pulled(NAME, multiPlatform("linux/amd64")),
    "image",
  ],
  [
    "the digest of a Wasm package",
    (cache) => cache.pulledByDigest(REPOSITORY, wasmArtifact()),
    "app",
  ],
  ["the digest of a container image", (cache) => cache.pulledByDigest(REPOSITORY, ONE), "image"],
  ["the digest of an index", (cache) => cache.pulledByDigest(REPOSITORY, NESTED), "image"],
  ["the digest of an index of Wasm", (cache) => {
    cache.pulledByDigest(REPOSITORY, index([{ artifact: wasmArtifact(), platform: WASI }]));
  }, "app"],
  ["the digest of an index whose first platform is missing", (cache) => {
    const all = multiPlatform("linux/amd64", "linux/arm64");
    cache.pulledByDigest(REPOSITORY, all);
    loseDigest(cache, all.children[0]!);
  }, "image"],
  ["a tag without its own manifest", (cache) => {
    Deno.removeSync(join(cache.pulled(NAME, ONE), "manifest.json"));
  }, "image"],
  ["a tag without any manifest", (cache) => loseManifests(cache, undefined), "app"],
  ["a tag without any manifest, for wasi/wasm", (cache) => loseManifests(cache, WASI), "app"],
  ["a tag without any manifest, for linux/amd64", (cache) => loseManifests(cache, LINUX), "image"],
  ["a tag whose manifest is damaged, without a record", (cache) => {
    Deno.writeTextFileSync(join(cache.spins(NAME, ONE), "manifest.json"), "<html>");
  }, "app"],
];

function loseDigest(cache: CacheFolder, { descriptor }: Artifact): void {
  Deno.removeSync(
    join(cache.registry, "manifests", REPOSITORY, descriptor.digest, "manifest.json"),
  );
}

/** Leaves of a container image its record, which says for which platform it was pulled. */
function loseManifests(cache: CacheFolder, platform: object | undefined): void {
  const folder = cache.pulled(NAME, ONE);
  const record = JSON.parse(Deno.readTextFileSync(join(folder, "record.json")));
  Deno.writeTextFileSync(join(folder, "record.json"), JSON.stringify({ ...record, platform }));
  Deno.removeSync(join(folder, "manifest.json"));
  loseDigest(cache, ONE);
}

for (const [name, write, type] of TYPES) {
  Deno.test(`an entry's type is ${type} for ${name}`, async () => {
    using cache = new CacheFolder();
    write(cache);
    assert.equal(only(await surveyOf(cache)).type, type);
  });
}

Deno.test("a package whose parts are no plain names lies where the layout says", async () => {
  using cache = new CacheFolder();
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
  assert.equal(only(await surveyOf(cache)).name, parts.join("/"));
});

Deno.test("a record that is not that of its folder is damaged", async () => {
  using cache = new CacheFolder();
  const folder = cache.package("debian/hello/2.10/amd64", blob("package"));
  Deno.renameSync(folder, join(folder, "..", "arm64"));
  const snapshot = await surveyOf(cache);
  const entry = only(snapshot);
  assert.deepEqual([entry.name, entry.digest, entry.references], [
    "debian/hello/2.10/arm64",
    undefined,
    [],
  ]);
  assert.match(entry.problem!, /record/);
});

for (
  const [what, arch] of [
    ["has no name", ""],
    ["is too long a name", "a".repeat(256)],
    ["is half a character", "\ud800"],
  ] as const
) {
  Deno.test(`a package of which a part ${what} is damaged, and hides nothing`, async () => {
    using cache = new CacheFolder();
    const folder = cache.package("debian/hello/2.10/amd64", blob("package"));
    const path = join(folder, "record.json");
    const record = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...record, arch }));
    cache.package("debian/hello/2.11/amd64", blob("other"));
    const { entries } = await surveyOf(cache);
    assert.deepEqual(entries.map(({ name }) => name), [
      "debian/hello/2.10/amd64",
      "debian/hello/2.11/amd64",
    ]);
    assert.deepEqual(entries.map(({ problem }) => problem), [
      "its record is missing or damaged",
      undefined,
    ]);
  });
}

for (
  const [name, spoil] of [
    ["missing", (folder: string) => Deno.removeSync(join(folder, "manifest.json"))],
    ["cut", (folder: string) => Deno.truncateSync(join(folder, "manifest.json"), 20)],
    ["empty", (folder: string) => Deno.truncateSync(join(folder, "manifest.json"), 0)],
    ["a web page", (folder: string) => {
      Deno.writeTextFileSync(join(folder, "manifest.json"), "<html>");
    }],
  ] as const
) {
  Deno.test(`an entry whose manifest is ${name} is damaged, and keeps what its record names`, async () => {
    using cache = new CacheFolder();
    const folder = cache.pulled("ghcr.io/acme/app:v1", ONE);
    cache.pulled("ghcr.io/acme/other:v1", TWO);
    spoil(folder);
    const snapshot = await surveyOf(cache);
    const [damaged, other] = snapshot.entries;
    assert.equal(damaged!.name, "ghcr.io/acme/app:v1");
    assert.equal(damaged!.writtenBy, "larder");
    assert.equal(damaged!.record?.digest, ONE.descriptor.digest);
    assert.deepEqual(reached(snapshot, damaged!), contentOf("ghcr.io/acme/app", ONE));
    assert.ok(damaged!.problem);
    assert.equal(other!.problem, undefined);
    assert.deepEqual(reached(snapshot, other!), contentOf("ghcr.io/acme/other", TWO));
    assert.equal(snapshot.size, cache.size());
  });
}

Deno.test("a tag whose manifest and record are damaged keeps nothing", async () => {
  using cache = new CacheFolder();
  const folder = cache.pulled("ghcr.io/acme/app:v1", ONE);
  Deno.removeSync(join(folder, "manifest.json"));
  Deno.truncateSync(join(folder, "record.json"), 20);
  assert.ok(only(await surveyOf(cache)).problem);
  assert.deepEqual(only(await surveyOf(cache)).references, []);
});

Deno.test("a tag whose own manifest is missing keeps every platform of its index", async () => {
  using cache = new CacheFolder();
  const all = multiPlatform("linux/amd64", "linux/arm64");
  Deno.removeSync(join(cache.pulled("ghcr.io/acme/app:v1", all), "manifest.json"));
  const snapshot = await surveyOf(cache);
  assert.deepEqual(reached(snapshot, only(snapshot)), contentOf("ghcr.io/acme/app", all));
});

Deno.test("a digest whose index is damaged keeps the platform that was chosen", async () => {
  using cache = new CacheFolder();
  const all = multiPlatform("linux/amd64", "linux/arm64");
  const folder = cache.pulledByDigest("ghcr.io/acme/app", all);
  Deno.writeTextFileSync(join(folder, "manifest.json"), "{}");
  const snapshot = await surveyOf(cache);
  assert.ok(only(snapshot).problem);
  assert.deepEqual(
    reached(snapshot, only(snapshot)),
    contentOf("ghcr.io/acme/app", all.children[0]!),
  );
});

Deno.test("an entry of a digest whose manifest is damaged keeps nothing", async () => {
  using cache = new CacheFolder();
  const folder = cache.pulledByDigest("ghcr.io/acme/app", ONE);
  Deno.writeTextFileSync(join(folder, "manifest.json"), "{}");
  const snapshot = await surveyOf(cache);
  assert.ok(only(snapshot).problem);
  assert.deepEqual(only(snapshot).references, []);
  assert.deepEqual(only(snapshot).ownFiles, ["record.json"]);
  assert.equal(snapshot.size, cache.size());
});

Deno.test("a tag whose index is damaged keeps what its own manifest names", async () => {
  using cache = new CacheFolder();
  const all = multiPlatform("linux/amd64", "linux/arm64");
  cache.pulled("ghcr.io/acme/app:v1", all);
  const path = join("manifests/ghcr.io/acme/app", all.descriptor.digest, "manifest.json");
  cache.write(path, "{}");
  const snapshot = await surveyOf(cache);
  assert.match(only(snapshot).problem!, /index/);
  assert.deepEqual(
    reached(snapshot, only(snapshot)),
    contentOf("ghcr.io/acme/app", all.children[0]!),
  );
});

Deno.test("a locked app that is not to be read is a problem of its entry, which keeps its layers", async () => {
  using cache = new CacheFolder();
  const app = await spinApp({ archived: { "a.txt": "packed" } });
  const folder = cache.spins("ghcr.io/acme/app:v1", app);
  Deno.writeTextFileSync(join(folder, "config.json"), "{");
  const snapshot = await surveyOf(cache);
  assert.ok(only(snapshot).problem);
  assert.ok(reached(snapshot, only(snapshot)).includes(relativePathOf(app.blobs[1]!)));
});

Deno.test("pins are an entry's own, or a pattern's that its name matches", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { pinned: true });
  cache.pulled("ghcr.io/acme/team/app:v1", ONE);
  cache.pulled("docker.io/library/nginx:latest", ONE);
  cache.pulled("docker.io/library/redis:latest", ONE);
  cache.write("pins.json", {
    schemaVersion: 1,
    pins: [{ pattern: "ghcr.io/acme/*", note: "ours" }, { pattern: "nginx" }],
  });
  const pins = (await surveyOf(cache)).entries.map(({ name, pin }) => [name, pin]);
  assert.deepEqual(Object.fromEntries(pins), {
    "ghcr.io/acme/app:v1": {},
    "ghcr.io/acme/team/app:v1": { pattern: "ghcr.io/acme/*", note: "ours" },
    "docker.io/library/nginx:latest": { pattern: "nginx" },
    "docker.io/library/redis:latest": undefined,
  });
});

Deno.test("times in the future are those of now", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE, { used: -DAY });
  const entry = only(await surveyOf(cache));
  assert.deepEqual([entry.lastUsed, entry.createdAt], [cache.now, cache.now]);
  assert.equal(entry.stamp, cache.now + DAY);
});

Deno.test("what belongs to nothing is told apart: downloads, rubbish and what is not larder's", async () => {
  using cache = new CacheFolder();
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
  const snapshot = await surveyOf(cache);
  const paths = (files: readonly { path: string }[]) =>
    files.map(({ path }) => relative(cache.registry, path)).sort();
  assert.deepEqual(paths(snapshot.partials), partials);
  assert.deepEqual(paths(snapshot.rubbish), rubbish.toSorted());
  assert.deepEqual(paths(snapshot.foreign), [...foreign, `data/${digest}`, "data/folder"].sort());
  assert.deepEqual(snapshot.entries.map(({ name }) => name), ["ghcr.io/acme/app:v1"]);
});

Deno.test("empty folders are found, the deepest first", async () => {
  using cache = new CacheFolder();
  cache.pulled("ghcr.io/acme/app:v1", ONE);
  Deno.mkdirSync(join(cache.registry, "manifests/ghcr.io/acme/gone/v1"), { recursive: true });
  const folders = (await surveyOf(cache)).emptyFolders.map((path) =>
    relative(cache.registry, path)
  );
  assert.deepEqual(folders, [
    "manifests/ghcr.io/acme/gone/v1",
    "manifests/ghcr.io/acme/gone",
  ]);
});

Deno.test("a cache that does not exist is an empty one, and is not made", async () => {
  using cache = new CacheFolder();
  const snapshot = await surveyOf(cache);
  assert.deepEqual([snapshot.entries, snapshot.contents, snapshot.size], [[], [], 0]);
  assert.deepEqual([...Deno.readDirSync(cache.path)], []);
});

Deno.test("the size of a blob that Spin wrote is that of the file, whatever the manifest says", async () => {
  using cache = new CacheFolder();
  const app = image([blob(utf8("cut"), MEDIA_TYPES.ociLayer, { size: 1_000_000 })]);
  cache.spins("ghcr.io/acme/app:v1", app);
  assert.equal((await surveyOf(cache)).size, cache.size());
});
