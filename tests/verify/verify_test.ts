import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import { type Finding, isFault } from "../../src/verify/finding.ts";
import { applyLocalRepairs } from "../../src/verify/repair.ts";
import { type Verification, Verifier, type VerifyOptions } from "../../src/verify/verify.ts";
import { Journal } from "../../src/store/journal/journal.ts";
import { isFromRegistry } from "../../src/snapshot/types.ts";
import { Layout } from "../../src/store/layout.ts";
import {
  type Artifact,
  blob,
  digestOf,
  image,
  MEDIA_TYPES,
  multiPlatform,
  randomBytes,
  type TestBlob,
  utf8,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { DAY, relativePathOf, TestCache } from "../support/cache/test_cache.ts";
import { flipBit, invalidateJson, remove, truncate } from "../support/cache/damage.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { filesBelow } from "../support/cache/store_check.ts";

const BASE = blob(randomBytes(5000, "base"));
const OWN = blob("a layer of its own");
const SHOP = image([BASE, OWN]);
const BLOG = image([BASE, "another layer"]);
const PLATFORMS = multiPlatform("linux/amd64", "linux/arm64");
const OTHER_PLATFORM = PLATFORMS.children[1]!;
const SPIN = await spinApp({
  files: { "index.html": "<h1>hello</h1>" },
  archived: { "one.txt": "first", "two.txt": "second" },
  module: wasmModule("verify"),
});
const PACKAGE = blob("a package", "application/vnd.debian.binary-package");
const DISK = blob("a disk", "application/octet-stream");
const CODE = blob("machine code", "application/octet-stream");
const COMPONENT = digestOf(utf8("a component"));
const SPECIFICATION = digestOf(utf8("a specification"));

const SHOP_TAG = "manifests/ghcr.io/acme/shop/v1";
const SPINS_TAG = "manifests/ghcr.io/acme/spins/v1";

/** An intact cache with an entry of each kind. */
class VerifiedCache extends TestCache {
  readonly layout = new Layout(this.registry);

  constructor() {
    super();
    this.pulled("ghcr.io/acme/shop:v1", SHOP);
    this.pulledByDigest("ghcr.io/acme/blog", BLOG);
    this.pulled("ghcr.io/acme/many:v1", PLATFORMS);
    this.pulled("ghcr.io/acme/spin:v1", SPIN);
    this.pulledBySpin("ghcr.io/acme/spins:v1", SPIN);
    for (const text of ["first", "second"]) this.blobs([blob(text)]);
    this.package("debian/hello/1.0/amd64", PACKAGE);
    this.build("disk", SPECIFICATION, DISK);
    this.compiled(COMPONENT, "v1", [CODE]);
  }

  at(name: string): string {
    return join(this.registry, name);
  }

  verifier(options: Partial<VerifyOptions> = {}): Verifier {
    return new Verifier(this.layout, { now: () => this.now, ...options });
  }

  async verify(options: Partial<VerifyOptions> = {}): Promise<Verification> {
    return await this.verifier(options).run();
  }

  /** Applies the local repairs and verifies again. */
  async repaired(): Promise<Verification> {
    const verifier = this.verifier();
    const { findings, expected } = await verifier.run();
    assert.deepEqual(
      await applyLocalRepairs(this.layout, findings, expected, { now: () => this.now }),
      [],
    );
    return await verifier.run();
  }
}

/** Formats findings as `kind path [names]`. */
function summaries(cache: VerifiedCache, findings: readonly Finding[]): string[] {
  return findings.map(({ kind, path, entries }) => {
    const names = entries.map(({ name }) => name.replace(/^ghcr\.io\/acme\/|@.*$/g, "")).sort();
    return `${kind} ${relative(cache.registry, path)} [${names.join(" ")}]`;
  });
}

const at = (layer: TestBlob) => relativePathOf(layer);
const folderOf = (repository: string, { descriptor }: Artifact) =>
  `manifests/ghcr.io/acme/${repository}/${descriptor.digest}`;

Deno.test("Verifier finds nothing in an intact cache", async () => {
  using cache = new VerifiedCache();
  const { findings, files, bytes, steps } = await cache.verify();
  assert.deepEqual(summaries(cache, findings), []);
  assert.ok(files > 20 && bytes > 5000);
  assert.deepEqual(steps.map(({ name }) => name), [
    "read the cache",
    "read the manifests",
    "hash the files",
    "compare",
  ]);
});

Deno.test("Verifier finds nothing in an empty or missing cache", async () => {
  using folder = new TestCache();
  for (const path of [folder.registry, join(folder.path, "nowhere")]) {
    const verifier = new Verifier(new Layout(path), { now: () => folder.now });
    const { findings, files } = await verifier.run();
    assert.deepEqual([findings, files], [[], 0]);
  }
});

interface Case {
  readonly name: string;
  readonly file: string;
  readonly damage: (path: string) => void;
  readonly reported: readonly string[];
}

const record = (folder: string) => `${folder}/record.json`;
const SPIN_FILES = SPIN.blobs.filter(({ descriptor }) =>
  descriptor.mediaType === MEDIA_TYPES.spinData
);
const SPIN_WASM = SPIN.blobs.find(({ descriptor }) =>
  descriptor.mediaType === MEDIA_TYPES.spinWasm
)!;
const UNPACKED = blob("first");

const cases: Case[] = [
  {
    name: "a changed byte in a shared layer",
    file: at(BASE),
    damage: flipBit,
    reported: [`damaged ${at(BASE)} [blog shop:v1]`],
  },
  {
    name: "a truncated layer",
    file: at(BASE),
    damage: truncate,
    reported: [`truncated ${at(BASE)} [blog shop:v1]`],
  },
  {
    name: "a layer that grew",
    file: at(OWN),
    damage: (path) => Deno.writeTextFileSync(path, "more", { append: true }),
    reported: [`damaged ${at(OWN)} [shop:v1]`],
  },
  {
    name: "a missing layer",
    file: at(OWN),
    damage: remove,
    reported: [`missing ${at(OWN)} [shop:v1]`],
  },
  {
    name: "a folder instead of a layer",
    file: at(OWN),
    damage: (path) => {
      remove(path);
      Deno.mkdirSync(path);
    },
    reported: [`foreign ${at(OWN)} []`, `missing ${at(OWN)} [shop:v1]`],
  },
  {
    name: "a manifest of a digest",
    file: `${folderOf("shop", SHOP)}/manifest.json`,
    damage: flipBit,
    reported: [`damaged ${folderOf("shop", SHOP)}/manifest.json [shop:v1]`],
  },
  {
    name: "a config beside a manifest",
    file: `${folderOf("shop", SHOP)}/config.json`,
    damage: flipBit,
    reported: [`damaged ${folderOf("shop", SHOP)}/config.json [shop:v1]`],
  },
  {
    name: "a tag's own manifest",
    file: `${SHOP_TAG}/manifest.json`,
    damage: invalidateJson,
    reported: [`damaged ${SHOP_TAG}/manifest.json [shop:v1]`],
  },
  {
    name: "a tag's own config",
    file: `${SHOP_TAG}/config.json`,
    damage: flipBit,
    reported: [`damaged ${SHOP_TAG}/config.json [shop:v1]`],
  },
  {
    name: "a damaged record",
    file: record(SHOP_TAG),
    damage: invalidateJson,
    reported: [`broken ${record(SHOP_TAG)} [shop:v1]`],
  },
  {
    name: "the record of another tag",
    file: record(SHOP_TAG),
    damage: (path) => {
      const text = Deno.readTextFileSync(path);
      Deno.writeTextFileSync(path, text.replace("shop:v1", "shop:v2"));
    },
    reported: [`misplaced ${record(SHOP_TAG)} [shop:v1]`],
  },
  {
    name: "a damaged record of a digest",
    file: record(folderOf("blog", BLOG)),
    damage: invalidateJson,
    reported: [`broken ${record(folderOf("blog", BLOG))} [blog]`],
  },
  {
    name: "a missing index",
    file: `${folderOf("many", PLATFORMS)}/manifest.json`,
    damage: remove,
    reported: [
      `missing ${folderOf("many", PLATFORMS)}/manifest.json [many:v1]`,
      // Only the index names the platforms that were not chosen.
      ...[OTHER_PLATFORM.blobs.map(at), folderOf("many", OTHER_PLATFORM)].flat()
        .map((path) => `orphaned ${path} []`),
    ],
  },
  {
    name: "a module of a Spin app",
    file: at(SPIN_WASM),
    damage: flipBit,
    reported: [`damaged ${at(SPIN_WASM)} [spin:v1 spins:v1]`],
  },
  {
    name: "a static file of a Spin app",
    file: at(SPIN_FILES[0]!),
    damage: remove,
    reported: [`missing ${at(SPIN_FILES[0]!)} [spin:v1 spins:v1]`],
  },
  {
    name: "a file that was unpacked from an archive",
    file: at(UNPACKED),
    damage: flipBit,
    reported: [`damaged ${at(UNPACKED)} [spin:v1 spins:v1]`],
  },
  {
    name: "a locked app that larder wrote",
    file: `${folderOf("spin", SPIN)}/config.json`,
    damage: flipBit,
    reported: [`damaged ${folderOf("spin", SPIN)}/config.json [spin:v1]`],
  },
  {
    name: "a locked app that Spin wrote",
    file: `${SPINS_TAG}/config.json`,
    damage: invalidateJson,
    reported: [`broken ${SPINS_TAG}/config.json [spins:v1]`],
  },
  {
    name: "a manifest that Spin wrote",
    file: `${SPINS_TAG}/manifest.json`,
    damage: invalidateJson,
    reported: [`broken ${SPINS_TAG}/manifest.json [spins:v1]`],
  },
  {
    name: "a package's file",
    file: at(PACKAGE),
    damage: flipBit,
    reported: [`damaged ${at(PACKAGE)} [debian/hello/1.0/amd64]`],
  },
  {
    name: "the record of a build",
    file: `builds/${SPECIFICATION}/record.json`,
    damage: invalidateJson,
    reported: [
      `broken builds/${SPECIFICATION}/record.json [${SPECIFICATION}]`,
      `orphaned ${at(DISK)} []`,
    ],
  },
  {
    name: "compiled code",
    file: at(CODE),
    damage: truncate,
    reported: [`truncated ${at(CODE)} [${COMPONENT}/v1]`],
  },
];

Deno.test("Verifier reports each fault with the entries that need the file", async (t) => {
  for (const { name, file, damage, reported: expected } of cases) {
    await t.step(name, async () => {
      using cache = new VerifiedCache();
      damage(cache.at(file));
      const { findings } = await cache.verify();
      assert.deepEqual(summaries(cache, findings).sort(), [...expected].sort());
      assert.ok(findings.some(isFault));
    });
  }
});

Deno.test("applyLocalRepairs leaves at most missing files", async (t) => {
  for (const { name, file, damage, reported: expected } of cases) {
    await t.step(name, async () => {
      using cache = new VerifiedCache();
      damage(cache.at(file));
      const { findings } = await cache.repaired();
      // Records, and what Spin wrote, are repaired by a pull; entries that no registry has are forgotten.
      const isForPull = expected.some((line) => /^(?:broken|misplaced) manifests/.test(line));
      for (const finding of findings.filter(isFault)) {
        if (!isForPull) assert.equal(finding.kind, "missing");
        assert.ok(finding.entries.every(({ type }) => isFromRegistry(type)));
      }
    });
  }
});

Deno.test("Verifier expects a foreign layer only if it was fetched", async (t) => {
  const layer = blob("a base", MEDIA_TYPES.ociForeignLayer);
  for (const foreign of [true, undefined]) {
    await t.step(String(foreign), async () => {
      using cache = new VerifiedCache();
      const folder = cache.pulled("ghcr.io/acme/base:v1", image([layer, "own"]));
      const path = record(relative(cache.registry, folder));
      const text = JSON.parse(Deno.readTextFileSync(cache.at(path)));
      cache.write(path, { ...text, foreign });
      flipBit(cache.at(at(layer)));
      const found = summaries(cache, (await cache.repaired()).findings);
      assert.deepEqual(found, foreign ? [`missing ${at(layer)} [base:v1]`] : []);
    });
  }
});

Deno.test("applyLocalRepairs moves content to the path of its digest", async () => {
  using cache = new VerifiedCache();
  const wrong = join(dirname(at(OWN)), digestOf(utf8("something else")));
  Deno.renameSync(cache.at(at(OWN)), cache.at(wrong));
  const { findings } = await cache.verify();
  assert.deepEqual(summaries(cache, findings), [`misplaced ${wrong} [shop:v1]`]);
  assert.deepEqual(summaries(cache, (await cache.repaired()).findings), []);
});

Deno.test("applyLocalRepairs copies a layer from wasm/ to data/", async () => {
  using cache = new VerifiedCache();
  const wrong = at(OWN).replace("data/", "wasm/");
  Deno.renameSync(cache.at(at(OWN)), cache.at(wrong));
  const { findings } = await cache.verify();
  assert.ok(summaries(cache, findings).includes(`misplaced ${wrong} [shop:v1]`));
  assert.deepEqual(summaries(cache, (await cache.repaired()).findings), []);
  assert.deepEqual(Deno.readFileSync(cache.at(at(OWN))), OWN.bytes);
});

Deno.test("Verifier accepts Wasm in data/", async () => {
  using cache = new VerifiedCache();
  Deno.renameSync(cache.at(at(SPIN_WASM)), cache.at(at(SPIN_WASM).replace("wasm/", "data/")));
  assert.deepEqual(summaries(cache, (await cache.verify()).findings), []);
});

for (
  const [name, file] of [["a package", PACKAGE], ["a build", DISK], [
    "compiled code",
    CODE,
  ]] as const
) {
  Deno.test(`applyLocalRepairs keeps the record of ${name} whose file it moved`, async () => {
    using cache = new VerifiedCache();
    const before = filesBelow(cache.registry);
    for (const wrong of [at(file).replace("data/", "wasm/"), `data/${digestOf(utf8("else"))}`]) {
      Deno.renameSync(cache.at(at(file)), cache.at(wrong));
      assert.deepEqual((await cache.repaired()).findings.filter(isFault), []);
    }
    assert.deepEqual(filesBelow(cache.registry).filter((path) => before.includes(path)), before);
  });
}

Deno.test("applyLocalRepairs keeps the record of an unreadable file", async () => {
  using cache = new VerifiedCache();
  const { expected } = await cache.verify();
  const { entry, repair } = expected.find(({ entry }) => entry.type === "package")!;
  const path = cache.at(at(PACKAGE));
  const base = { path, detail: "", digest: undefined, entries: [entry], repair: undefined };
  const finding = { ...base, kind: "unreadable" } as const;
  const options = { now: () => cache.now };
  await applyLocalRepairs(cache.layout, [finding], expected, options);
  assert.ok(repair?.by === "forget" && filesBelow(cache.registry).includes(repair.record));
  await applyLocalRepairs(cache.layout, [{ ...finding, kind: "missing" }], expected, options);
  assert.ok(!filesBelow(cache.registry).includes(repair.record));
});

Deno.test("applyLocalRepairs copies a missing config from a good copy", async () => {
  using cache = new VerifiedCache();
  for (const folder of [SHOP_TAG, folderOf("shop", SHOP)]) {
    Deno.removeSync(cache.at(`${folder}/config.json`));
  }
  assert.deepEqual((await cache.verify()).findings.map(({ kind }) => kind), ["missing", "missing"]);
  assert.deepEqual(summaries(cache, (await cache.repaired()).findings), []);
});

Deno.test("applyLocalRepairs removes two layers that have each other's names", async () => {
  using cache = new VerifiedCache();
  const [a, b] = [cache.at(at(OWN)), cache.at(at(BASE))];
  Deno.renameSync(a, `${a}.x`);
  Deno.renameSync(b, a);
  Deno.renameSync(`${a}.x`, b);
  const { findings } = await cache.repaired();
  assert.deepEqual(summaries(cache, findings).map((line) => line.split(" ")[0]), [
    "missing",
    "missing",
  ]);
});

Deno.test("Verifier reports orphans, which are not faults", async () => {
  using cache = new VerifiedCache();
  const orphan = blob("no entry needs this");
  cache.blobs([orphan]);
  cache.write("data/notes.txt", "mine");
  cache.write("other/notes.txt", "mine");
  cache.write("pins.json", { schemaVersion: 1, pins: [] });
  cache.write("lock", "");
  cache.write(`${SHOP_TAG}/record.json.tmp`, "left");
  cache.write(`partial/${BASE.descriptor.digest}`, "the beginning");
  const { findings } = await cache.verify();
  assert.deepEqual(summaries(cache, findings).sort(), [
    "foreign data/notes.txt []",
    "foreign other []",
    `leftover ${SHOP_TAG}/record.json.tmp []`,
    `orphaned ${at(orphan)} []`,
  ]);
  assert.ok(!findings.some(isFault));
  assert.deepEqual(summaries(cache, (await cache.repaired()).findings), summaries(cache, findings));
});

Deno.test("applyLocalRepairs removes a damaged orphan", async () => {
  using cache = new VerifiedCache();
  const orphan = blob("no entry needs this");
  cache.write(at(orphan), "and it is not even that");
  assert.deepEqual(summaries(cache, (await cache.verify()).findings), [`damaged ${at(orphan)} []`]);
  assert.deepEqual(summaries(cache, (await cache.repaired()).findings), []);
});

Deno.test("Verifier with chosen entries checks only their files", async () => {
  using cache = new VerifiedCache();
  flipBit(cache.at(at(PACKAGE)));
  flipBit(cache.at(at(OWN)));
  cache.write("data/notes.txt", "mine");
  const choose =
    (name: string) => ({ entries }: { entries: Verification["snapshot"]["entries"] }) =>
      entries.filter((entry) => entry.name.includes(name));
  const blog = await cache.verify({ choose: choose("blog") });
  assert.deepEqual(summaries(cache, blog.findings), []);
  assert.ok(blog.files < 10);
  const shop = await cache.verify({ choose: choose("shop") });
  assert.deepEqual(summaries(cache, shop.findings), [`damaged ${at(OWN)} [shop:v1]`]);
});

Deno.test("Verifier hashes files that Spin wrote, and keeps their mode", async () => {
  using cache = new VerifiedCache();
  for (const file of [at(SPIN_WASM), at(UNPACKED)]) Deno.chmodSync(cache.at(file), 0o644);
  flipBit(cache.at(at(UNPACKED)));
  const { findings } = await cache.repaired();
  // The archive is withdrawn before the file, because Spin takes it for unpacked.
  const archive = SPIN.blobs.find((b) => b.descriptor.mediaType === MEDIA_TYPES.spinArchive)!;
  const missing = [archive, UNPACKED].map((each) => `missing ${at(each)} [spin:v1 spins:v1]`);
  assert.deepEqual(summaries(cache, findings), missing.sort());
  assert.equal(Deno.statSync(cache.at(at(SPIN_WASM))).mode! & 0o777, 0o644);
});

Deno.test("Verifier reports an entry with an invalid reference and offers no repair", async () => {
  using cache = new VerifiedCache();
  const folder = "manifests/ghcr.io/Acme/UP/v1";
  Deno.mkdirSync(cache.at(dirname(folder)), { recursive: true });
  cache.write(`${folder}/manifest.json`, SHOP.bytes);
  const { findings, expected } = await cache.verify();
  assert.deepEqual(findings.filter(isFault).map(({ kind }) => kind), ["misplaced"]);
  assert.deepEqual(
    expected.filter(({ repair }) => !repair).map(({ files }) => files),
    [
      [],
    ],
  );
});

Deno.test("Verifier reports the record of a newer larder, and no repair deletes it", async () => {
  using cache = new VerifiedCache();
  const folders = [SHOP_TAG, "packages/debian/hello/1.0/amd64", `builds/${SPECIFICATION}`];
  const paths = [...folders, `compiled/${COMPONENT}/v1`].map(record);
  for (const path of paths) cache.write(path, { schemaVersion: 2 });
  const { findings, expected } = await cache.repaired();
  const faults = findings.filter(isFault);
  assert.deepEqual(
    faults.map(({ kind, path }) => `${kind} ${relative(cache.registry, path)}`).sort(),
    paths.map((path) => `broken ${path}`).sort(),
  );
  for (const { detail } of faults) assert.equal(detail, "a newer larder wrote its record");
  const repairs = expected.filter(({ entry }) => entry.isFromNewerVersion).map((
    { repair },
  ) => repair);
  assert.deepEqual(repairs, paths.map(() => undefined));
});

/** Writes a file a second later than now: the clock of a file system takes steps of some milliseconds. */
function rewrite(path: string, bytes: Uint8Array): void {
  Deno.writeFileSync(path, bytes);
  Deno.utimeSync(path, new Date(), new Date(Date.now() + 1000));
}

Deno.test("Verifier does not report a fault that is repaired meanwhile", async () => {
  using cache = new VerifiedCache();
  flipBit(cache.at(at(OWN)));
  let looks = 0;
  const now = () => {
    if (++looks === 2) rewrite(cache.at(at(OWN)), OWN.bytes);
    return cache.now;
  };
  assert.deepEqual(summaries(cache, (await cache.verify({ now })).findings), []);
  assert.equal(looks, 2);
});

Deno.test("Verifier does not report an entry that is deleted meanwhile", async () => {
  using cache = new VerifiedCache();
  let looks = 0;
  const now = () => {
    looks++;
    return cache.now;
  };
  const observer = {
    total: () => {
      if (looks !== 1) return;
      Deno.removeSync(cache.at("manifests/ghcr.io/acme/shop"), { recursive: true });
      Deno.removeSync(cache.at(at(OWN)));
    },
  };
  const { findings } = await cache.verify({ now, observer });
  assert.deepEqual(findings.filter(isFault), []);
});

Deno.test("Verifier does not report the manifest of a tag that moves at each look", async () => {
  using cache = new VerifiedCache();
  let moves = 0;
  const observer = {
    // The entries have been read, the files have not.
    total: () => {
      moves++;
      cache.pulled("ghcr.io/acme/shop:v1", image([blob(`layer ${moves}`)]));
    },
  };
  const { findings } = await cache.verify({ observer });
  assert.deepEqual(summaries(cache, findings.filter(isFault)), []);
  assert.equal(moves, 2);
});

Deno.test("applyLocalRepairs keeps a file that changed since its check", async () => {
  using cache = new VerifiedCache();
  flipBit(cache.at(at(OWN)));
  const { findings, expected } = await cache.verify();
  Deno.writeFileSync(cache.at(at(OWN)), OWN.bytes);
  Deno.utimeSync(cache.at(at(OWN)), new Date(cache.now + DAY), new Date(cache.now + DAY));
  await applyLocalRepairs(cache.layout, findings, expected, { now: () => cache.now });
  assert.deepEqual(summaries(cache, (await cache.verify()).findings), []);
});

Deno.test("applyLocalRepairs keeps the manifest of an entry that was pulled since its check", async () => {
  using cache = new VerifiedCache();
  flipBit(cache.at(`${SHOP_TAG}/manifest.json`));
  const { findings, expected } = await cache.verify();
  cache.content("manifests/ghcr.io/acme/shop", BLOG);
  cache.pulled("ghcr.io/acme/shop:v1", BLOG);
  await applyLocalRepairs(cache.layout, findings, expected, { now: () => cache.now });
  assert.deepEqual((await cache.verify()).findings.filter(isFault), []);
  assert.deepEqual(Deno.readFileSync(cache.at(`${SHOP_TAG}/manifest.json`)), BLOG.bytes);
});

Deno.test("applyLocalRepairs adds damage to the journal, with the entries", async () => {
  using cache = new VerifiedCache();
  flipBit(cache.at(at(BASE)));
  await cache.repaired();
  const [event] = new Journal(cache.layout).read();
  assert.ok(event?.kind === "damage");
  assert.equal(event.digest, BASE.descriptor.digest);
  assert.deepEqual(event.names.map((name) => name.replace(/@.*/, "")), [
    "ghcr.io/acme/blog",
    "ghcr.io/acme/shop:v1",
  ]);
});

Deno.test("Verifier.run hashes only changed files the second time", async () => {
  using cache = new VerifiedCache();
  let bytes = 0;
  const verifier = cache.verifier({ observer: { progressed: (count) => bytes += count } });
  await verifier.run();
  assert.ok(bytes > 5000);
  bytes = 0;
  flipBit(cache.at(at(OWN)));
  await verifier.run();
  assert.equal(bytes, OWN.bytes.length);
});

Deno.test("Verifier.run fails with LDR_INTERRUPTED if it is interrupted", async () => {
  using cache = new VerifiedCache();
  const verifying = cache.verify({ signal: AbortSignal.abort() });
  await assert.rejects(verifying, (error) => hasCode(error, "LDR_INTERRUPTED"));
});

Deno.test("Verifier finds exactly the damage, and repairs leave nothing bad, for any cache", async () => {
  // Not removed, because a missing orphan is not a fault.
  const damages = [flipBit, truncate, invalidateJson] as const;
  const change = fc.tuple(fc.nat(), fc.constantFrom(...damages));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
      using cache = new VerifiedCache();
      const files = ["data", "wasm"].flatMap((tree) => filesBelow(cache.at(tree)));
      const damaged = new Map(changes.map(([i, damage]) => [files[i % files.length]!, damage]));
      for (const [path, damage] of damaged) damage(path);
      const { findings } = await cache.verify();
      const paths = findings.filter(isFault).map(({ path }) => path);
      assert.deepEqual(paths, [...damaged.keys()].sort());
      for (const { kind } of (await cache.repaired()).findings) {
        assert.match(kind, /^(?:missing|orphaned)$/);
      }
    }),
    { numRuns: 25 },
  );
});
