import assert from "node:assert/strict";
import { join } from "node:path";
import { parsePlan } from "../../../../src/gc/plan.ts";
import { Layout } from "../../../../src/store/layout.ts";
import { image, multiPlatform, wasmArtifact } from "../../../support/cache/artifacts.ts";
import { DAY, HOUR } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { assertStoreSound } from "../../../support/cache/store_check.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);
const THREE = image(["a third"]);
const OLD = "manifests/ghcr.io/acme/app/old";
const LAYER = ONE.blobs[1]!.descriptor;

/** A cache with entries that were used 40 days ago, yesterday (pinned) and half an hour ago. */
function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  home.pulled("ghcr.io/acme/app:old", ONE, { used: 40 * DAY });
  home.pulled("ghcr.io/acme/app:pinned", TWO, { used: DAY, pinned: true });
  home.pulled("ghcr.io/acme/app:young", THREE, { used: HOUR / 2 });
  return home;
}

function has(home: TestCacheHome, path: string): boolean {
  try {
    return Deno.statSync(join(home.registry, path)).isFile;
  } catch {
    return false;
  }
}

function config(home: TestCacheHome, text: string): void {
  const folder = join(home.path, ".config/larder");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "config.yaml"), text);
}

Deno.test("gc prints what each rule removes and what it keeps, and removes it", async () => {
  using home = filled();
  const before = home.size();
  const { code, stdout, stderr } = await home.larder("gc", "--unused", "30d", "--force");
  assert.equal(code, 0, stderr);
  const freed = `${((before - home.size()) / 1024).toFixed(2)} KiB`;
  assert.equal(
    stdout,
    `remove: 1 entry, ${freed} (unused: unused for 40d; the limit is 30d)
     FREES  LAST USED  TYPE   NAME
  ${freed}  40d ago    image  ghcr.io/acme/app:old

keep: 2 entries (1 pinned, 1 used within the last hour)
`,
  );
  assert.match(stderr, /^freed \d\.\d\d KiB, removed 1 entry\n$/);
  assert.ok(!has(home, `data/${LAYER.digest}`));
  assertStoreSound(home.registry);
});

Deno.test("gc -v lists what it keeps, with the reasons", async () => {
  using home = filled();
  const { stdout } = await home.larder("gc", "-v", "--dry-run");
  assert.match(
    stdout,
    /^keep: 3 entries \(.*\)\n +SIZE +TYPE +NAME +WHY\n.* image +ghcr\.io\/acme\/app:old +not over a limit\n.*:pinned +pinned\n.*:young +last used 30m/,
  );
});

Deno.test("gc --dry-run changes nothing", async () => {
  using home = filled();
  const before = home.size();
  const { code, stderr } = await home.larder("gc", "--unused", "30d", "--dry-run");
  assert.equal(code, 0);
  assert.match(stderr, /^would remove 1 entry \(frees \d\.\d\d KiB\)\n$/);
  assert.equal(home.size(), before);
  assert.ok(!has(home, "lock"));
});

Deno.test("gc without a terminal and without --force is exit 2 and removes nothing", async () => {
  using home = filled();
  const before = home.size();
  const { code, stderr } = await home.larder("gc", "--unused", "0");
  assert.equal(code, 2);
  assert.match(
    stderr,
    /refusing to remove 1 entry .* without a terminal \[LDR_USAGE\]\nhint: .*--force/,
  );
  assert.equal(home.size(), before);
});

Deno.test("gc --format json prints the plan with its result", async () => {
  using home = filled();
  const dry = await home.larder("gc", "--unused", "0", "--dry-run", "--format", "json");
  const plan = JSON.parse(dry.stdout);
  assert.equal(plan.result, null);
  assert.deepEqual(plan.remove.entries.map(({ name }: { name: string }) => name), [
    "ghcr.io/acme/app:old",
  ]);
  assert.deepEqual(plan.keep.map(({ rule }: { rule: string }) => rule), ["pinned", "young"]);
  const { stdout } = await home.larder("gc", "--unused", "0", "--force", "--format", "json");
  const { result, bytes } = JSON.parse(stdout);
  assert.equal(result.freed, bytes);
  assert.equal(bytes, plan.bytes);
  assert.deepEqual(result.skipped, []);
});

Deno.test("gc warns of a limit that cannot be reached, with the entries that prevent it", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("gc", "--max-size", "1kB", "--force");
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^warning: cannot reach max-size 1 kB: still \S+ KiB over; 1 entry \(.*\) is pinned, 1 entry \(.*\) was used within the last hour$/m,
  );
});

Deno.test("gc reports that nothing can be removed if every entry over the limit is kept", async () => {
  using home = new TestCacheHome({ now: Date.now() });
  home.pulled("ghcr.io/acme/app:young", ONE, { used: HOUR / 2 });
  const { code, stderr } = await home.larder("gc", "--max-size", "0", "--dry-run");
  assert.equal(code, 0);
  assert.match(stderr, /^warning: cannot reach max-size 0 B: .*\nnothing can be removed\n$/);
});

Deno.test("gc without limits removes unreferenced blobs, and says that no limit is set", async () => {
  using home = filled();
  home.write(`data/sha256:${"0".repeat(64)}`, "orphan", 2 * HOUR);
  const { stderr } = await home.larder("gc", "--force");
  assert.match(stderr, /^freed 6 B, removed 0 entries$/m);
  const again = await home.larder("gc", "--force");
  assert.equal(again.code, 0);
  assert.match(again.stderr, /no limit is set/);
});

Deno.test("gc takes limits from the config, and options override them", async () => {
  using home = filled();
  home.package("debian/hello/2.10/amd64", THREE.blobs[1]!, { used: 20 * DAY });
  config(home, "gc:\n  unused: 60d\nstorage:\n  package_cache:\n    retention_days: 10\n");
  const rules = async (...options: string[]) => {
    const { stdout } = await home.larder("gc", "--dry-run", "--format", "json", ...options);
    return JSON.parse(stdout).remove.entries.map(
      (entry: { name: string; rule: string }) => `${entry.name} ${entry.rule}`,
    );
  };
  assert.deepEqual(await rules(), ["debian/hello/2.10/amd64 unused"]);
  assert.deepEqual(await rules("--unused", "30d"), ["ghcr.io/acme/app:old unused"]);
  assert.deepEqual(await rules("--unused", "30d", "--unused", "package=19d"), [
    "ghcr.io/acme/app:old unused",
    "debian/hello/2.10/amd64 unused",
  ]);
  assert.deepEqual(await rules("--unused", "90d", "--max-count", "package=0"), [
    "debian/hello/2.10/amd64 max-count",
  ]);
  assert.deepEqual(await rules("--max-size", "image=1B", "--keep-last", "1"), [
    "debian/hello/2.10/amd64 unused",
    "ghcr.io/acme/app:old max-size",
  ]);
});

Deno.test("gc applies storage.registry_cache to apps and images together, and options override it", async () => {
  using home = new TestCacheHome({ now: Date.now() });
  home.pulled("ghcr.io/acme/app:v1", wasmArtifact(), { used: 40 * DAY });
  home.pulled("docker.io/library/nginx:latest", ONE, { used: 30 * DAY });
  home.package("debian/hello/2.10/amd64", THREE.blobs[1]!, { used: 50 * DAY });
  const removed = async (settings: string, ...options: string[]) => {
    config(home, `storage: { registry_cache: { ${settings} } }`);
    const { stdout, stderr } = await home.larder("gc", "--dry-run", "--format", "json", ...options);
    const { remove } = JSON.parse(stdout);
    const lines = remove.entries.map(({ name, scope }: { name: string; scope?: string }) =>
      `${name} ${scope}`
    );
    return { lines, stderr };
  };
  const APP = "ghcr.io/acme/app:v1";
  const IMAGE = "docker.io/library/nginx:latest";
  assert.deepEqual((await removed("max_count: 1")).lines, [`${APP} registry`]);
  assert.deepEqual((await removed("retention_days: 35")).lines, [`${APP} registry`]);
  assert.deepEqual((await removed("retention_days: 35", "--unused", "45d")).lines, [
    "debian/hello/2.10/amd64 undefined",
  ]);
  assert.deepEqual((await removed("retention_days: 35", "--unused", "image=20d")).lines, [
    `${APP} registry`,
    `${IMAGE} image`,
  ]);
  assert.deepEqual((await removed("max_count: 1", "--max-count", "app=5")).lines, []);
  assert.deepEqual((await removed("max_size_gb: 0", "--max-size", "image=1GB")).lines, []);
  assert.deepEqual((await removed("max_count: 1", "--max-count", "package=5")).lines, [
    `${APP} registry`,
  ]);
  await home.larder("pin", APP);
  await home.larder("pin", IMAGE);
  const { stderr } = await removed("max_count: 1");
  assert.match(
    stderr,
    /cannot reach max-count 1 for apps and images from registries: still 1 entry over/,
  );
});

Deno.test("gc plans to free the size of the files that exist, though a config is missing", async () => {
  using home = new TestCacheHome({ now: Date.now() });
  const folder = home.pulled("ghcr.io/acme/app:v1", ONE, { used: 40 * DAY });
  Deno.removeSync(join(folder, "config.json"));
  const { stdout } = await home.larder("gc", "--force", "--max-size", "0", "--format", "json");
  const { bytes, result } = JSON.parse(stdout);
  assert.deepEqual([result.freed, result.bytesLeft], [bytes, 0]);
});

Deno.test("gc --plan writes a plan, and --apply removes exactly what it lists", async () => {
  using home = filled();
  const file = join(home.path, "plan.json");
  const before = home.size();
  const written = await home.larder("gc", "--unused", "30d", "--plan", file);
  assert.equal(written.code, 0, written.stderr);
  assert.equal(written.stdout, "");
  assert.ok(written.stderr.includes(`larder gc --apply ${file}`));
  assert.equal(home.size(), before);
  // Not in the plan.
  home.pulled("ghcr.io/acme/other:old", multiPlatform("linux/amd64"), { used: 50 * DAY });
  const { bytes } = JSON.parse(Deno.readTextFileSync(file));
  const size = home.size();
  const applied = await home.larder("gc", "--apply", file, "--force");
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(size - home.size(), bytes);
  assert.ok(has(home, "manifests/ghcr.io/acme/other/old/record.json"));
});

/** What can happen to the entry `app:old` of {@link filled} after a plan was made, and how it is told. */
const changes: readonly [name: string, change: (home: TestCacheHome) => unknown, why: string][] = [
  ["was used", (home) => home.age(join(home.registry, OLD, "record.json"), 0), "used since"],
  ["was pinned", (home) => home.larder("pin", "ghcr.io/acme/app:old"), "pinned"],
  ["was removed", (home) => home.larder("clean", "--force", "ghcr.io/acme/app:old"), "no longer"],
];

for (const [name, change, why] of changes) {
  Deno.test(`gc --apply does not show or remove an entry that ${name} since the plan was made`, async () => {
    using home = filled();
    home.pulled("ghcr.io/acme/other:old", THREE, { used: 50 * DAY });
    const file = join(home.path, "plan.json");
    await home.larder("gc", "--unused", "30d", "--plan", file);
    await change(home);
    const size = home.size();
    const dry = await home.larder("gc", "--apply", file, "--dry-run");
    assert.match(dry.stdout, /^remove: 1 entry, /);
    assert.doesNotMatch(dry.stdout, /app:old/);
    assert.match(
      dry.stderr,
      new RegExp(`^left out 1 entry of the plan: 1 ${why}.*\nwould remove 1 entry \\(frees `),
    );
    const asked = await home.larder("gc", "--apply", file);
    assert.match(asked.stderr, /^error: refusing to remove 1 entry \(frees/m);
    const json = await home.larder("gc", "--apply", file, "--force", "--format", "json");
    const { bytes, remove, leftOut, result } = JSON.parse(json.stdout);
    assert.equal(remove.entries.length, 1);
    assert.equal(leftOut[0].name, "ghcr.io/acme/app:old");
    assert.equal(remove.entries[0].bytes, bytes);
    assert.deepEqual([result.freed, size - home.size()], [bytes, bytes]);
    assert.deepEqual(result.skipped, []);
    const again = await home.larder("gc", "--apply", file, "--force");
    assert.deepEqual([again.code, again.stdout], [0, ""]);
    assert.match(again.stderr, /^nothing of the plan is left to remove$/m);
  });
}

Deno.test("gc --apply -v names the entries of the plan that are left out", async () => {
  using home = filled();
  const file = join(home.path, "plan.json");
  await home.larder("gc", "--unused", "30d", "--plan", file);
  await home.larder("gc", "--apply", file, "--force");
  const { stderr } = await home.larder("gc", "--apply", file, "-v");
  assert.match(stderr, /^left out ghcr\.io\/acme\/app:old: no longer in the cache$/m);
});

Deno.test("gc --plan - writes the plan to stdout", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("gc", "--unused", "30d", "--plan", "-");
  assert.equal(code, 0);
  assert.match(stderr, /^would remove 1 entry \(frees \d\.\d\d KiB\)\n$/);
  const { remove } = parsePlan(stdout, "stdout", new Layout(home.registry));
  assert.equal(remove.entries.length, 1);
});

/** Writes three unreferenced blobs, a download and a leftover file of different ages. */
function withWaitingFiles(): TestCacheHome {
  const home = filled();
  for (const [i, age] of [0, HOUR / 3, 2 * HOUR].entries()) {
    home.write(`data/sha256:${String(i).repeat(64)}`, "orphan", age);
  }
  home.write(`partial/sha256:${"a".repeat(64)}`, "half", DAY);
  return home;
}

Deno.test("gc and df tell how much unreferenced content is young, and when gc removes it", async () => {
  using home = withWaitingFiles();
  const blobs =
    /2 unreferenced blobs and manifests, 12 B\n {2}\(younger than an hour; gc removes the first in 40m, the last in 1h\)$/m;
  const download = /1 partial download, 4 B \(for a later pull; gc removes it in 6d\)$/m;
  for (const command of ["gc", "df"]) {
    const { stdout } = await home.larder(command, ...command === "gc" ? ["--dry-run"] : []);
    assert.match(stdout, blobs);
    assert.match(stdout, download);
    const json = await home.larder(
      command,
      "--format",
      "json",
      ...command === "gc" ? ["--dry-run"] : [],
    );
    const [contents, partials] = JSON.parse(json.stdout).keptFiles;
    assert.deepEqual(
      [contents.kind, contents.rule, contents.count, contents.bytes, contents.until],
      ["contents", "young", 2, 12, new Date(home.now + HOUR).toISOString()],
    );
    assert.equal(partials.from, new Date(home.now + 6 * DAY).toISOString());
    const exact = await home.larder(command, "-v", ...command === "gc" ? ["--dry-run"] : []);
    assert.match(exact.stdout, /the last in 1h \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)/);
  }
});

Deno.test("gc does not say that no blob is unreferenced while one is too young to be removed", async () => {
  using home = filled();
  home.write(`data/sha256:${"0".repeat(64)}`, "orphan");
  const { stderr } = await home.larder("gc");
  assert.equal(
    stderr,
    "nothing to remove yet: no limit is set; larder gc --help lists the limits\n",
  );
});

for (
  const [name, args] of [
    ["--apply of a missing file", ["--apply", "/nowhere/plan.json"]],
    ["--apply and --plan", ["--apply", "a", "--plan", "b"]],
    ["--apply and a limit", ["--apply", "a", "--max-size", "1GB"]],
    ["--auto and --plan", ["--auto", "--plan", "a"]],
    ["--auto and --dry-run", ["--auto", "--dry-run", "--max-count", "0"]],
    ["--auto and JSON", ["--auto", "--format", "json"]],
    ["a malformed size", ["--max-size", "much"]],
    ["a size without a unit", ["--max-size", "image=20"]],
    ["free space without a unit", ["--min-free", "10"]],
    ["a duration of M", ["--unused", "1M"]],
    ["an unknown type", ["--max-size", "things=1GB"]],
    ["a malformed count", ["--keep-last", "1.5"]],
    ["a percentage above 100", ["--min-free", "200%"]],
  ] as const
) {
  Deno.test(`gc with ${name} is exit 2`, async () => {
    using home = new TestCacheHome();
    const { code, stdout, stderr } = await home.larder("gc", ...args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^error: .*\[LDR_USAGE\]\nhint: /);
  });
}

Deno.test("gc --auto removes without asking what exceeds a limit, and is silent within the limits", async () => {
  using home = filled();
  const within = await home.larder("gc", "--auto", "--max-size", "1GB");
  assert.deepEqual(within, { code: 0, stdout: "", stderr: "" });
  const { code, stdout, stderr } = await home.larder("gc", "--auto", "--max-count", "2");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /^cleaned the cache: freed \d\.\d\d KiB, removed 1 entry\n$/);
});

Deno.test("gc --auto with only min-free reads the cache only if the disk is short of space", async () => {
  using home = filled();
  // Reading the cache warns.
  home.write("pins.json", "{");
  const enough = await home.larder("gc", "--auto", "--min-free", "1B");
  assert.deepEqual(enough, { code: 0, stdout: "", stderr: "" });
  for (const args of [["--min-free", "100%"], ["--min-free", "1B", "--max-count", "9"]]) {
    const { stderr } = await home.larder("gc", "--auto", ...args);
    assert.match(stderr, /pins\.json is damaged: it is not JSON/);
  }
});

Deno.test("gc --auto does nothing while another process holds the store lock", async () => {
  using home = filled();
  using lock = Deno.openSync(home.write("lock", ""), { read: true, write: true });
  lock.lockSync(false);
  const result = await home.larder("gc", "--auto", "--max-count", "0");
  assert.equal(result.code, 0, result.stderr);
  assert.ok(has(home, `data/${LAYER.digest}`));
});

Deno.test("gc creates no cache", async () => {
  using home = new TestCacheHome();
  const { code } = await home.larder("gc", "--unused", "0", "--force");
  assert.equal(code, 0);
  assert.deepEqual([...Deno.readDirSync(home.path)], []);
});
