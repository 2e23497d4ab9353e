import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image } from "../../../support/cache/artifacts.ts";
import { DAY } from "../../../support/cache/cache_folder.ts";
import { CacheHome } from "../../../support/cache/cache_home.ts";
import { assertStoreSound, filesBelow } from "../../../support/cache/store_check.ts";

const ONE = image(["one layer", "shared"]);
const TWO = image(["another layer", "shared"]);
const THREE = image(["a third"]);
const ORPHAN = blob("orphan");
const SPECIFICATION = `sha256:${"5".repeat(64)}`;

function filled(): CacheHome {
  const home = new CacheHome({ now: Date.now() });
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

/** The names of what is left. */
async function left(home: CacheHome): Promise<string[]> {
  const { stdout } = await home.larder("list", "--format", "json");
  return JSON.parse(stdout).map(({ name }: { name: string }) => name);
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
  ["a name and a filter that do not meet", ["nginx", "--filter", 'type == "build"'], []],
  ["what is pinned, but for the pin", ["edge@*"], []],
  ["what is pinned too", ["edge@*", "--include-pinned"], [NAMES[4]!]],
  ["a glob that matches nothing", ["quay.io/*"], []],
];

for (const [name, args, gone] of cases) {
  Deno.test(`clean removes what is asked for by ${name}, and the rest is whole`, async () => {
    using home = filled();
    const { code, stderr } = await home.larder("clean", "--force", ...args);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await left(home), NAMES.filter((each) => !gone.includes(each)));
    assertStoreSound(home.registry);
    const files = filesBelow(home.registry).map((path) => path.slice(home.registry.length + 1));
    assert.ok(files.includes(`partial/${ONE.descriptor.digest}`));
    assert.ok(files.includes(`data/${ORPHAN.descriptor.digest}`));
  });
}

Deno.test("compiled code is shown by a short name, which clean, pin and info take", async () => {
  using home = filled();
  const component = ORPHAN.descriptor.digest;
  const short = `${component.slice(7, 19)}/jco-1.10`;
  home.compiled(component, "jco-1.10", [blob("code")]);
  assert.match((await home.larder("info", short)).stdout, new RegExp(`^NAME +${component}/jco`));
  assert.equal((await home.larder("pin", short)).stderr, `pinned ${component}/jco-1.10\n`);
  assert.equal((await home.larder("unpin", short)).code, 0);
  const { code, stdout } = await home.larder("clean", "--force", short);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^remove +${short} +compiled `, "m"));
  assert.deepEqual(await left(home), NAMES);
});

Deno.test("clean without names removes all but what is pinned, downloads and orphans too", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("clean", "--force");
  assert.equal(code, 0, stderr);
  assert.equal(stdout.split("\n").filter((line) => line.startsWith("remove")).length, 4);
  assert.match(stdout, /^keep +edge@sha256:5+ +build +pinned +pinned$/m);
  assert.match(stderr, /^freed .*, removed 4 entries$/m);
  assert.deepEqual(await left(home), [NAMES[4]]);
  const blob = join(home.registry, "data", TWO.blobs[1]!.descriptor.digest);
  assert.deepEqual(filesBelow(join(home.registry, "data")), [blob]);
  assert.deepEqual(filesBelow(join(home.registry, "partial")), []);
});

Deno.test("clean --include-pinned leaves nothing, and a second time there is nothing to do", async () => {
  using home = filled();
  const { code } = await home.larder("clean", "--force", "--include-pinned");
  assert.equal(code, 0);
  assert.equal(home.size(), 0);
  const again = await home.larder("clean", "--force");
  assert.deepEqual([again.code, again.stdout], [0, ""]);
  assert.match(again.stderr, /^the cache .* is empty$/m);
});

Deno.test("clean --type blob removes what no entry needs, and no entry", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("clean", "--force", "--type", "blob");
  assert.equal(code, 0, stderr);
  assert.deepEqual(await left(home), NAMES);
  assert.match(stderr, /freed 10 B, removed 0 entries/);
});

for (
  const args of [["nginx"], ["--days", "30"], ["--filter", "size > 1"], [
    "--type",
    "app",
    "--filter",
    "size > 1",
  ]]
) {
  Deno.test(`clean --type blob with ${args.join(" ")} is refused, and removes nothing`, async () => {
    using home = filled();
    const before = home.size();
    const { code, stderr } = await home.larder("clean", "--force", "--type", "blob", ...args);
    assert.equal(code, 2);
    assert.match(stderr, /\[LDR_USAGE\]\nhint: blobs go when no entry needs them/);
    assert.equal(home.size(), before);
  });
}

Deno.test("clean --dry-run removes nothing, and clean without a terminal needs --force", async () => {
  using home = filled();
  const before = home.size();
  const dry = await home.larder("clean", "--dry-run");
  assert.equal(dry.code, 0);
  assert.match(dry.stderr, /^would remove 4 entries and 1 partial download, which frees /m);
  const asked = await home.larder("clean");
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /LDR_USAGE/);
  assert.equal(home.size(), before);
});

for (const name of ["ghcr.io/acme/app:v", "ghcr.io/acme/app", "nginy", "sha256:0123", "5555"]) {
  Deno.test(`clean removes nothing for a name that nothing has: ${name}`, async () => {
    using home = filled();
    const before = home.size();
    const { code, stderr } = await home.larder("clean", "--force", "nginx", name);
    assert.equal(code, 3);
    assert.match(stderr, /LDR_NOT_CACHED/);
    assert.equal(home.size(), before);
  });
}

Deno.test("a filter that cannot be read is said to be one, and nothing is removed", async () => {
  using home = filled();
  const before = home.size();
  const { code } = await home.larder("clean", "--force", "--filter", "size >");
  assert.equal(code, 2);
  assert.equal(home.size(), before);
});
