import assert from "node:assert/strict";
import { join } from "node:path";
import { Layout } from "../../../../src/store/layout.ts";
import { faultsRemain } from "../../../../src/cli/commands/verify/verify.ts";
import { blob, digestOf, image, randomBytes, utf8 } from "../../../support/cache/artifacts.ts";
import { DAY, relativePathOf } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";

const LAYER = blob(randomBytes(5000, "layer"));
const APP = image([LAYER, "own"]);
const OTHER = image(["of another"]);
const NAME = "ghcr.io/acme/app:v1";
const CODE = blob("machine code", "application/octet-stream");
const COMPONENT = digestOf(utf8("a component"));

function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  home.pulled(NAME, APP, { used: DAY });
  home.pulled("ghcr.io/acme/other:v1", OTHER, { used: DAY });
  home.compiled(COMPONENT, "v1", [CODE], { used: DAY });
  return home;
}

const pathOf = (home: TestCacheHome, layer = LAYER) => join(home.registry, relativePathOf(layer));

Deno.test("verify of a sound cache prints what was read, and no faults", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("verify");
  assert.deepEqual([code, stdout], [0, ""], stderr);
  assert.match(stderr, /^3 entries, \d+ files \([\d.]+ KiB\) in [\d.]+ s: no faults\n$/);
});

Deno.test("verify of an empty cache is exit 0, with and without --repair", async () => {
  using home = new TestCacheHome();
  for (const args of [["verify"], ["verify", "--repair"]]) {
    assert.equal((await home.larder(...args)).code, 0);
  }
  assert.throws(() => Deno.statSync(home.registry), Deno.errors.NotFound);
});

Deno.test("verify with a fault is exit 5, lists it and changes nothing", async () => {
  using home = filled();
  Deno.truncateSync(pathOf(home), 100);
  const { code, stdout, stderr } = await home.larder("verify");
  assert.equal(code, 5);
  const [head, row] = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(head, ["KIND", "FILE", "NEEDED BY", "WHAT"]);
  assert.deepEqual(row, ["truncated", relativePathOf(LAYER), NAME, "it has 100 of 5000 bytes"]);
  assert.match(
    stderr,
    /: 1 fault\nerror: .* is truncated \[LDR_DIGEST_MISMATCH\]\nhint: .*--repair/,
  );
  assert.equal(Deno.statSync(pathOf(home)).size, 100);
});

Deno.test("faultsRemain advises the newer larder for the files that it wrote", () => {
  const own = { path: "/f", digest: undefined, entries: [], repair: undefined };
  const broken = { ...own, kind: "broken" } as const;
  const files = ["a newer larder wrote it", "a newer larder wrote its record"]
    .map((detail) => ({ ...broken, detail }));
  for (const wasRepaired of [false, true]) {
    assert.equal(
      faultsRemain({ layout: new Layout("/cache") }, files, wasRepaired).hint,
      "use the newer larder",
    );
  }
});

Deno.test("faultsRemain does not advise a repair if all faults are unreadable files", () => {
  const finding = { path: "/f", detail: "", digest: undefined, entries: [], repair: undefined };
  const unreadable = { ...finding, kind: "unreadable" } as const;
  for (const wasRepaired of [false, true]) {
    assert.match(
      faultsRemain({ layout: new Layout("/cache") }, [unreadable, unreadable], wasRepaired).hint,
      /readable for this user/,
    );
  }
  assert.match(
    faultsRemain(
      { layout: new Layout("/cache") },
      [unreadable, { ...finding, kind: "missing" }],
      false,
    ).hint,
    /--repair/,
  );
});

Deno.test("verify counts orphans and lists them with -v, but they are no faults", async () => {
  using home = filled();
  home.blobs([blob("unreferenced")]);
  home.write("data/notes.txt", "mine");
  const quiet = await home.larder("verify");
  assert.deepEqual([quiet.code, quiet.stdout], [0, ""]);
  assert.match(quiet.stderr, /^1 orphaned file and 1 foreign file; larder verify -v lists them$/m);
  const verbose = await home.larder("verify", "-v");
  assert.match(verbose.stdout, /^foreign +data\/notes\.txt /m);
  assert.match(verbose.stderr, /^hash the files: [\d.]+ s$/m);
});

Deno.test("verify with names checks only their entries", async () => {
  using home = filled();
  Deno.removeSync(pathOf(home));
  for (const name of ["ghcr.io/acme/other:v1", "ghcr.io/acme/oth", "*/other:*"]) {
    const { code, stderr } = await home.larder("verify", name);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^1 entry, /);
  }
  assert.equal((await home.larder("verify", "ghcr.io/acme/*")).code, 5);
});

Deno.test("verify of an unknown name is exit 3, of an ambiguous name or a blob exit 2", async () => {
  using home = filled();
  const cases: [string, number][] = [
    ["ghcr.io/acme/nothing:v1", 3],
    ["nothing/*", 3],
    ["ghcr.io/acme/", 2],
    [LAYER.descriptor.digest, 2],
  ];
  for (const [name, code] of cases) assert.equal((await home.larder("verify", name)).code, code);
});

Deno.test("verify --repair --offline repairs what needs no registry", async () => {
  using home = filled();
  Deno.removeSync(join(home.registry, "manifests/ghcr.io/acme/app/v1/config.json"));
  Deno.truncateSync(pathOf(home, CODE), 1);
  const orphan = blob("unreferenced");
  home.write(relativePathOf(orphan), "damaged");
  const { code, stdout, stderr } = await home.larder("verify", "--repair", "--offline");
  assert.equal(code, 0, stderr);
  const rows = stdout.trimEnd().split("\n").slice(1).map((line) => line.split(/ {2,}/))
    .map(([kind, file, , outcome]) => [kind, file, outcome]);
  assert.deepEqual(
    rows.sort(),
    [
      ["damaged", relativePathOf(orphan), "removed"],
      ["missing", "manifests/ghcr.io/acme/app/v1/config.json", "repaired"],
      ["truncated", relativePathOf(CODE), "removed"],
    ].sort(),
  );
  assert.equal((await home.larder("verify")).code, 0);
});

Deno.test("verify --repair --offline leaves what needs a registry, and says why", async () => {
  using home = filled();
  Deno.truncateSync(pathOf(home), 100);
  const { code, stdout, stderr } = await home.larder("verify", "--repair", "--offline");
  assert.equal(code, 5);
  assert.match(stdout, /^truncated +\S+ +\S+ +left +.*it cannot be fetched with --offline/m);
  assert.match(stderr, /error: .*LDR_DIGEST_MISMATCH/);
  // The damaged file is removed all the same, so that no reader uses it.
  assert.throws(() => Deno.statSync(pathOf(home)), Deno.errors.NotFound);
});

Deno.test("verify --format json has the steps and every finding", async () => {
  using home = filled();
  Deno.truncateSync(pathOf(home), 100);
  home.write("data/notes.txt", "mine");
  const { code, stdout } = await home.larder("verify", "--format", "json");
  assert.equal(code, 5);
  const { entries, files, bytes, steps, findings } = JSON.parse(stdout);
  assert.equal(entries, 3);
  assert.ok(files > 8 && bytes > 100);
  assert.deepEqual(
    steps.map(({ name }: { name: string }) => name),
    ["read the cache", "read the manifests", "hash the files", "compare"],
  );
  assert.deepEqual(findings, [
    {
      kind: "truncated",
      path: pathOf(home),
      digest: LAYER.descriptor.digest,
      entries: [NAME],
      detail: "it has 100 of 5000 bytes",
      outcome: null,
      why: null,
    },
    {
      kind: "foreign",
      path: join(home.registry, "data/notes.txt"),
      digest: null,
      entries: [],
      detail: "larder did not write it",
      outcome: null,
      why: null,
    },
  ]);
});
