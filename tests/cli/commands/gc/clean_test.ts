import assert from "node:assert/strict";
import { join } from "node:path";
import { Layout } from "../../../../src/store/layout.ts";
import { blob, image } from "../../../support/cache/artifacts.ts";
import { takeLease } from "../../../support/cache/take_lease.ts";
import { DAY } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { assertStoreSound, filesBelow } from "../../../support/cache/store_check.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);
const THREE = image(["a third"]);
const ORPHAN = blob("orphan");
const SPECIFICATION = `sha256:${"5".repeat(64)}`;

function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  home.pulled("ghcr.io/acme/app:v1", ONE, { used: 40 * DAY });
  home.pulled("ghcr.io/acme/app:v10", TWO, { used: DAY });
  home.pulled("docker.io/library/nginx:latest", THREE, { used: 0 });
  home.package("debian/hello/2.10/amd64", ONE.blobs[1]!, { used: 40 * DAY });
  home.build("edge", SPECIFICATION, TWO.blobs[1]!, { used: 2 * DAY, pinned: true });
  home.write(`partial/${ONE.descriptor.digest}`, "half");
  home.blobs([ORPHAN]);
  return home;
}

const NAMES = [
  "docker.io/library/nginx:latest",
  "ghcr.io/acme/app:v1",
  "ghcr.io/acme/app:v10",
  "debian/hello/2.10/amd64",
  `edge@${SPECIFICATION}`,
];

/** Returns the names of the entries in the cache. */
async function remaining(home: TestCacheHome): Promise<string[]> {
  const { stdout } = await home.larder("list", "--format", "json");
  return JSON.parse(stdout).map(({ name }: { name: string }) => name);
}

/** Makes every file system one without locks until it is disposed. */
function withoutLocks(): Disposable {
  const { prototype } = Deno.FsFile;
  const own = prototype.tryLockSync;
  prototype.tryLockSync = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  return { [Symbol.dispose]: () => void (prototype.tryLockSync = own) };
}

const cases: readonly [name: string, args: readonly string[], gone: readonly string[]][] = [
  ["a name", ["ghcr.io/acme/app:v1"], ["ghcr.io/acme/app:v1"]],
  ["a short name", ["nginx"], ["docker.io/library/nginx:latest"]],
  ["a glob", ["ghcr.io/acme/*"], ["ghcr.io/acme/app:v1", "ghcr.io/acme/app:v10"]],
  ["a digest", [ONE.descriptor.digest], ["ghcr.io/acme/app:v1"]],
  ["the beginning of a digest", [TWO.descriptor.digest.slice(7, 19)], ["ghcr.io/acme/app:v10"]],
  ["several names", ["nginx", "ghcr.io/acme/app:v1"], [NAMES[0]!, NAMES[1]!]],
  ["a type", ["--type", "package"], ["debian/hello/2.10/amd64"]],
  ["days", ["--days", "30"], ["ghcr.io/acme/app:v1", "debian/hello/2.10/amd64"]],
  ["days and a type", ["--days", "30", "--type", "image"], ["ghcr.io/acme/app:v1"]],
  ["a filter", ["--filter", 'unused < duration("12h")'], ["docker.io/library/nginx:latest"]],
  ["a name and a filter without a common entry", ["nginx", "--filter", 'type == "build"'], []],
  ["a glob that matches a pinned entry", ["edge@*"], []],
  ["--include-pinned", ["edge@*", "--include-pinned"], [NAMES[4]!]],
  ["a glob that matches nothing", ["quay.io/*"], []],
];

for (const [name, args, gone] of cases) {
  Deno.test(`clean by ${name} removes the matching entries and leaves the others complete`, async () => {
    using home = filled();
    const { code, stderr } = await home.larder("clean", "--force", ...args);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await remaining(home), NAMES.filter((each) => !gone.includes(each)));
    assertStoreSound(home.registry);
    const files = filesBelow(home.registry).map((path) => path.slice(home.registry.length + 1));
    assert.ok(files.includes(`partial/${ONE.descriptor.digest}`));
    assert.ok(files.includes(`data/${ORPHAN.descriptor.digest}`));
  });
}

Deno.test("clean, pin and info take the short name that tables show for compiled code", async () => {
  using home = filled();
  const component = ORPHAN.descriptor.digest;
  const short = `${component.slice(7, 19)}/jco-1.10`;
  home.compiled(component, "jco-1.10", [blob("code")]);
  assert.match((await home.larder("info", short)).stdout, new RegExp(`^NAME +${component}/jco`));
  assert.equal((await home.larder("pin", short)).stderr, `pinned ${component}/jco-1.10\n`);
  assert.equal((await home.larder("unpin", short)).code, 0);
  const { code, stdout } = await home.larder("clean", "--force", short);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(` compiled +${short}$`, "m"));
  assert.deepEqual(await remaining(home), NAMES);
});

Deno.test("clean without names removes everything that is not pinned, also downloads and unreferenced blobs", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("clean", "--force");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^remove: 4 entries, \S+ KiB \(requested\)\n +FREES/);
  assert.match(
    stdout,
    /^remove: unreferenced blobs and manifests, 6 B\nremove: 1 partial download, 4 B$/m,
  );
  assert.match(stdout, /^keep: 1 entry \(pinned\)$/m);
  assert.match(stderr, /^freed .*, removed 4 entries$/m);
  assert.deepEqual(await remaining(home), [NAMES[4]]);
  const blob = join(home.registry, "data", TWO.blobs[1]!.descriptor.digest);
  assert.deepEqual(filesBelow(join(home.registry, "data")), [blob]);
  assert.deepEqual(filesBelow(join(home.registry, "partial")), []);
});

Deno.test("clean --include-pinned empties the cache, and run again reports that it is empty", async () => {
  using home = filled();
  const { code } = await home.larder("clean", "--force", "--include-pinned");
  assert.equal(code, 0);
  assert.equal(home.size(), 0);
  const again = await home.larder("clean", "--force");
  assert.deepEqual([again.code, again.stdout], [0, ""]);
  assert.match(again.stderr, /^the cache .* is empty$/m);
});

Deno.test("clean --type blob removes unreferenced blobs and no entry", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("clean", "--force", "--type", "blob");
  assert.equal(code, 0, stderr);
  assert.deepEqual(await remaining(home), NAMES);
  assert.match(stderr, /freed 10 B, removed 0 entries/);
});

for (
  const args of [["nginx"], ["--days", "30"], ["--filter", "size > 0"], [
    "--type",
    "app",
    "--filter",
    "size > 0",
  ]]
) {
  Deno.test(`clean --type blob with ${args.join(" ")} is exit 2 and removes nothing`, async () => {
    using home = filled();
    const before = home.size();
    const { code, stderr } = await home.larder("clean", "--force", "--type", "blob", ...args);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /\[LDR_USAGE\]\nhint: larder clean --type blob removes every unreferenced blob/,
    );
    assert.equal(home.size(), before);
  });
}

Deno.test("clean says that it removes nothing if all that a glob or filter matches is kept", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("clean", "--force", "edge@*");
  assert.deepEqual([code, stderr], [0, "nothing removed: every entry that matches is kept\n"]);
  const other = await home.larder("clean", "--force", "--filter", 'size > bytes("1GB")');
  assert.equal(other.stderr, "nothing matches\n");
});

Deno.test("clean of a named entry that is pinned is exit 1, removes the others, and says how to remove it", async () => {
  using home = filled();
  const short = NAMES[4]!.slice(0, 24);
  for (const mode of ["--dry-run", "--force"]) {
    const { code, stdout, stderr } = await home.larder("clean", mode, NAMES[4]!, short, "nginx");
    assert.equal(code, 1);
    assert.match(stdout, /^keep: 1 entry \(pinned\)$/m);
    assert.ok(
      stderr.endsWith(
        `error: ${short} is kept: pinned [LDR_KEPT]\n` +
          "hint: add --include-pinned, or unpin it: larder pins lists what is pinned\n",
      ),
      stderr,
    );
  }
  assert.deepEqual(await remaining(home), NAMES.slice(1));
  const again = await home.larder("clean", "--force", "--include-pinned", short);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(await remaining(home), NAMES.slice(1, 4));
});

Deno.test("clean of a named entry that a process uses is exit 1", async () => {
  using home = filled();
  const folder = join(home.registry, "manifests/ghcr.io/acme/app/v1");
  using _ = await takeLease(new Layout(home.registry), "larder run", { folders: [folder] });
  const { code, stderr } = await home.larder("clean", "--force", "ghcr.io/acme/app:v1");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /app:v1 is kept: in use by larder run \(process \d+\) \[LDR_KEPT\]\nhint: end/,
  );
});

Deno.test("clean on a file system without locks shows as kept what a sweep would leave alone", async () => {
  using home = filled();
  const before = home.size();
  using _ = withoutLocks();
  const { code, stdout, stderr } = await home.larder("clean", "--force", "nginx");
  assert.deepEqual([code, stdout], [1, "keep: 1 entry (used within the last hour)\n"]);
  assert.match(
    stderr,
    /^error: .*nginx:latest is kept: last used \d+s ago; without locks in this file system, entries are kept for 1h after a use \[LDR_KEPT\]$/m,
  );
  const all = await home.larder("clean", "--dry-run", "--format", "json");
  assert.match(all.stderr, /^warning: without locks in this file system, entries are kept/m);
  assert.deepEqual(JSON.parse(all.stdout).keptFiles.map(({ kind }: { kind: string }) => kind), [
    "contents",
    "partials",
  ]);
  assert.equal(home.size(), before);
  const old = await home.larder("clean", "--force", "ghcr.io/acme/app:v10");
  assert.match(old.stderr, /^freed \S+ KiB, removed 1 entry$/m);
});

Deno.test("clean removes nothing with --dry-run, nor without a terminal unless --force is given", async () => {
  using home = filled();
  const before = home.size();
  const dry = await home.larder("clean", "--dry-run");
  assert.equal(dry.code, 0);
  assert.match(
    dry.stderr,
    /^would remove 4 entries, unreferenced blobs and 1 partial download \(frees /m,
  );
  const asked = await home.larder("clean");
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /LDR_USAGE/);
  assert.equal(home.size(), before);
});

for (const name of ["ghcr.io/acme/app:v", "ghcr.io/acme/app", "nginy", "sha256:0123", "9999"]) {
  Deno.test(`clean removes nothing if one name is unknown: ${name}`, async () => {
    using home = filled();
    const before = home.size();
    const { code, stderr } = await home.larder("clean", "--force", "nginx", name);
    assert.equal(code, 3);
    assert.match(stderr, /LDR_NOT_CACHED/);
    assert.equal(home.size(), before);
  });
}

Deno.test("clean with a malformed filter is exit 2 and removes nothing", async () => {
  using home = filled();
  const before = home.size();
  const { code } = await home.larder("clean", "--force", "--filter", "size >");
  assert.equal(code, 2);
  assert.equal(home.size(), before);
});
