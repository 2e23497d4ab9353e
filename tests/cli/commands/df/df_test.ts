import assert from "node:assert/strict";
import { join } from "node:path";
import { shortName } from "../../../../src/cli/commands/df/treemap_svg.ts";
import { blob, digestOf, image, randomBytes, utf8 } from "../../../support/cache/artifacts.ts";
import { DAY } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { allocatedBelow, filesBelow } from "../../../support/cache/store_check.ts";

const layer = (size: number, seed: string) => blob(randomBytes(size, seed));
const SHARED = layer(40_000, "shared");

function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  const age = { used: 40 * DAY };
  home.pulled("ghcr.io/acme/shop:v1", image([SHARED, layer(20_000, "v1")]), age);
  home.pulled("quay.io/acme/shop:v1", image([SHARED, layer(10_000, "v2")]), age);
  home.compiled(digestOf(utf8("component")), "engine-1", [layer(5_000, "code")], age);
  home.blobs([layer(3_000, "orphan")], DAY);
  home.write(`partial/${digestOf(utf8("partial"))}`, randomBytes(2_000), 30 * DAY);
  home.write("manifests/ghcr.io/acme/shop/v1/record.json.tmp", "half a rec", DAY);
  home.write("data/README", "mine", DAY);
  return home;
}

Deno.test("df prints a row per type that has entries, and a bar per registry", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("df");
  assert.equal(code, 0);
  assert.match(stderr, /^no limits are set, so gc removes only unreferenced blobs/);
  const [table, bars] = stdout.split("\n\n");
  const rows = table!.split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], ["TYPE", "COUNT", "SIZE", "SHARED", "RECLAIMABLE"]);
  const body = rows.slice(1, -1);
  assert.deepEqual(body.map(([name, count]) => [name, count]), [
    ["image", "2"],
    ["compiled", "1"],
    ["unreferenced", "1"],
    ["partial downloads", "1"],
    ["leftover files", "1"],
    ["foreign files", "1"],
    ["total", body.at(-1)![1]],
  ]);
  assert.equal(body[0]![3], "39.06 KiB");
  assert.deepEqual(body.map((row) => row.at(-1)), [
    "0 B",
    "0 B",
    "2.93 KiB (100%)",
    "1.95 KiB (100%)",
    "10 B (100%)",
    "-",
    body.at(-1)!.at(-1),
  ]);
  assert.match(rows.at(-1)![0]!, /^Free space on the disk: \S+ \w+ of \S+ \w+ \(\d+%\)$/);
  const names = bars!.trimEnd().split("\n").map((line) => line.split(/ {2,}/)[0]);
  assert.deepEqual(names, ["ghcr.io", "quay.io", "compiled code", "(shared)"]);
});

Deno.test("df divides a single registry into repositories, and a single repository into tags", async () => {
  using home = new TestCacheHome();
  const bars = async () => {
    const { stdout } = await home.larder("df");
    return stdout.split("\n\n")[1]!.trimEnd().split("\n").map((line) => line.split(/ {2,}/)[0]);
  };
  home.pulled("ghcr.io/acme/shop:v1", image([SHARED, layer(20_000, "v1")]));
  home.pulled("ghcr.io/acme/shop:v2", image([SHARED, layer(10_000, "v2")]));
  assert.deepEqual(await bars(), ["ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2", "(shared)"]);
  home.pulled("ghcr.io/acme/api:v1", image([layer(5_000, "api")]));
  assert.deepEqual(await bars(), ["ghcr.io/acme/shop", "ghcr.io/acme/api"]);
});

Deno.test("df shows what many small files take on the disk, as du does", async () => {
  using home = new TestCacheHome();
  for (let i = 0; i < 60; i++) home.pulled(`ghcr.io/acme/shop:v${i}`, image([layer(10, `${i}`)]));
  const { total } = JSON.parse((await home.larder("df", "--format", "json")).stdout);
  const difference = Math.abs(total.allocated - allocatedBelow(home.registry));
  assert.ok(difference < 0.02 * total.allocated, `${difference} bytes off`);
  const { stdout } = await home.larder("df");
  assert.match(stdout, /^Taken on the disk, in whole blocks: [12]\.\d\d MiB$/m);
});

Deno.test("df -v prints a bar per repository", async () => {
  using home = filled();
  const { stdout } = await home.larder("df", "-v");
  const bars = stdout.split("\n\n")[1]!.trimEnd().split("\n").map((line) => line.split(/ {2,}/)[0]);
  assert.deepEqual(bars.slice(0, 2), ["ghcr.io/acme/shop", "quay.io/acme/shop"]);
});

Deno.test("df draws one bar for the smallest of many registries", async () => {
  using home = new TestCacheHome();
  for (let i = 0; i < 14; i++) home.pulled(`r${i}.test/app:v1`, image([layer(1000 - i, `${i}`)]));
  const { stdout } = await home.larder("df");
  const bars = stdout.split("\n\n")[1]!.trimEnd().split("\n");
  assert.equal(bars.length, 11);
  assert.match(bars.at(-1)!, /^\(4 others\) /);
});

Deno.test("df --format json adds up to the bytes on the disk", async () => {
  using home = filled();
  const { stdout } = await home.larder("df", "--format", "json");
  const usage = JSON.parse(stdout);
  assert.equal(usage.root, home.registry);
  assert.equal(usage.total.size, home.size() - "mine".length);
  const { unneeded, partials, rubbish, foreign } = usage;
  assert.deepEqual(unneeded, { count: 1, size: 3_000, reclaimable: 3_000 });
  assert.deepEqual(partials, { count: 1, size: 2_000, reclaimable: 2_000 });
  assert.deepEqual(rubbish, { count: 1, size: 10, reclaimable: 10 });
  assert.deepEqual(foreign, { count: 1, size: 4 });
  assert.deepEqual(usage.pushed, { count: 0, size: 0 });
  assert.equal(usage.total.reclaimable, 5_010);
  assert.deepEqual(usage.types.map(({ type }: { type: string }) => type), [
    "app",
    "image",
    "package",
    "build",
    "compiled",
  ]);
  const [, images, , , compiled] = usage.types;
  assert.deepEqual([images.count, images.shared, images.reclaimable], [2, 40_000, 0]);
  assert.equal(
    images.size + compiled.size + unneeded.size + partials.size + rubbish.size,
    usage.total.size,
  );
  assert.equal(usage.tree.size, images.size + compiled.size);
  assert.ok(usage.disk.free > 0 && usage.disk.free <= usage.disk.size);
});

/** Configs, and the types that have something reclaimable under them. */
const POLICIES: [string, string[]][] = [
  ["gc: {unused: 30d}", ["image", "compiled"]],
  ["gc: {unused: 50d}", []],
  ["storage: {registry_cache: {retention_days: 30}}", ["image"]],
  ["storage: {registry_cache: {enabled: false}}", ["image"]],
  ["storage: {registry_cache: {max_count: 1}}", ["image"]],
  ["gc: {max_size: 1GB}", []],
  ["gc: {max_size: 1kB}", ["image", "compiled"]],
  ["gc: {min_free: 100%}", ["image", "compiled"]],
];

for (const [config, types] of POLICIES) {
  Deno.test(`df with ${config} reports ${types.join(" and ") || "nothing"} as reclaimable`, async () => {
    using home = filled();
    const file = join(home.path, "config.yaml");
    Deno.writeTextFileSync(file, config);
    const before = filesBelow(home.registry);
    const { code, stdout, stderr } = await home.larder("df", "--config", file, "--format", "json");
    assert.equal(code, 0, stderr);
    const reclaimable = JSON.parse(stdout).types
      .filter((each: { reclaimable: number }) => each.reclaimable > 0)
      .map(({ type }: { type: string }) => type);
    assert.deepEqual(reclaimable, types);
    assert.deepEqual(filesBelow(home.registry), before, "it only looks");
  });
}

Deno.test("df --html writes a page without external resources in which names are escaped", async () => {
  using home = filled();
  const evil = `<script>"&`;
  home.package(["deb.example", evil, "1.0", "amd64"], layer(9_000, "package"), { used: DAY });
  const damaged = digestOf(utf8("specification"));
  home.build(evil, damaged, layer(9_000, "build"), { used: DAY });
  const file = join(home.path, "page.html");
  const { code, stderr } = await home.larder("df", "--html", file);
  assert.equal(code, 0);
  assert.ok(stderr.startsWith(`wrote ${file}\n`), stderr);
  const page = Deno.readTextFileSync(file);
  assert.match(page, /^<!doctype html>\n/);
  assert.doesNotMatch(page, /<script|<link|<img|<iframe|@import|url\(|https?:|src=|href=| on\w+=/i);
  assert.match(
    page,
    /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/,
  );
  const escaped = "&lt;script&gt;&quot;&amp;";
  assert.ok(page.includes(`packages › deb.example › deb.example/${escaped}/1.0/amd64`), page);
  assert.ok(page.includes(`builds › ${damaged}`), page);
  // A tile shows what its name adds to that of its group: of a repository the tag.
  for (const name of ["ghcr.io", "acme/shop", "v1", "shared", "compiled code"]) {
    assert.ok(page.includes(`>${name}</text>`), name);
  }
  const tags = [...page.matchAll(/<(\/?)(g|svg|rect|text|title|table|tr|t[hd])\b[^>]*?(\/?)>/g)];
  const open: string[] = [];
  for (const [, closing, name, itself] of tags) {
    if (itself) continue;
    if (!closing) open.push(name!);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
});

Deno.test("df --html has a map for phones, the age of each entry, and a list of them", async () => {
  using home = filled();
  home.pulled("ghcr.io/acme/new:v1", image([layer(500, "new")]), { used: 2 * DAY });
  const file = join(home.path, "page.html");
  assert.equal((await home.larder("df", "--html", file)).code, 0);
  const page = Deno.readTextFileSync(file);
  assert.match(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/);
  assert.match(page, /@media \(max-width: 700px\)/);
  const maps = [...page.matchAll(/<svg viewBox="0 0 (\d+) (\d+)"/g)];
  assert.deepEqual(maps.map(([, width]) => Number(width) < 500), [false, true]);
  const drawn =
    /<title>ghcr\.io › ghcr\.io\/acme\/shop › ghcr\.io\/acme\/shop:v1: (.*)<\/title><rect class="(.*?)"/;
  const [, text, style] = drawn.exec(page)!;
  assert.match(text!, /^[\d.]+ KiB, last used 40d ago$/);
  assert.match(style!, /^entry c\d a3$/);
  const rows = [...page.matchAll(/<tr style="(.*?)"><td title="(.*?)">.*?<\/td><td>(.*?)<\/td>/g)]
    .map(([, order, name, used]) => [name!.slice(0, 19), used, order!.match(/--age:(\d)/)![1]]);
  assert.deepEqual(rows.map(([name]) => name!.slice(0, 7)), [
    ...["ghcr.io", "quay.io", "sha256:", "ghcr.io"],
  ]);
  assert.deepEqual(rows.map(([, used]) => used), ["40d ago", "40d ago", "40d ago", "2d ago"]);
  assert.equal(rows[3]![2], "3", "the newest is the last by age");
  for (const id of ["colour-age", "sort-age", "sort-name"]) {
    assert.ok(page.includes(`id="${id}"`) && page.includes(`:has(#${id}:checked)`), id);
  }
});

/** The name of a part, that of its group, and what a tile shows. */
const TILES: [name: string, group: string | undefined, shown: string][] = [
  ["ghcr.io", undefined, "ghcr.io"],
  ["ghcr.io/acme/shop", "ghcr.io", "acme/shop"],
  ["ghcr.io/acme/shop:v1", "ghcr.io/acme/shop", "v1"],
  ["ghcr.io/acme/shop@sha256:12", "ghcr.io/acme/shop", "sha256:12"],
  ["localhost:5000/app", "localhost:5000", "app"],
  ["deb.example/hello/1.0/amd64", "deb.example/hello", "1.0/amd64"],
  ["shared", "ghcr.io", "shared"],
  ["ghcr.iox/a", "ghcr.io", "ghcr.iox/a"],
];

for (const [name, group, shown] of TILES) {
  Deno.test(`a tile of ${name} in ${group ?? "the cache"} shows ${shown}`, () => {
    assert.equal(shortName(name, group), shown);
  });
}

Deno.test("df of an empty cache reports 0 B, and its page says that the cache is empty", async () => {
  using home = new TestCacheHome();
  const file = join(home.path, "page.html");
  const { code, stdout } = await home.larder("df", "--html", file);
  assert.equal(code, 0);
  assert.match(stdout, /\ntotal +0 B +0 B\n/);
  assert.match(Deno.readTextFileSync(file), /The cache is empty/);
  assert.deepEqual([...Deno.readDirSync(home.path)].map(({ name }) => name), ["page.html"]);
});

Deno.test("df --html - prints nothing but the page, and no file of that name", async () => {
  using home = new TestCacheHome();
  const { code, stdout } = await home.larder("df", "--html", "-");
  assert.equal(code, 0);
  assert.match(stdout, /^<!doctype html>\n[\s\S]*<\/html>\n$/);
  assert.deepEqual([...Deno.readDirSync(home.path)], []);
  assert.equal((await home.larder("df", "--html", "-", "--format", "json")).code, 2);
});

Deno.test("df --html to a path that cannot be written is exit 7", async () => {
  using home = filled();
  const { code, stderr } = await home.larder(
    "df",
    "--html",
    join(home.path, "no/such/folder.html"),
  );
  assert.equal(code, 7);
  assert.match(stderr, /^error: cannot write .*folder\.html.* \[LDR_DISK\]\n/);
});

Deno.test("df and list count the indexes of repositories apart from packages", async () => {
  using home = new TestCacheHome();
  const url = "http://mirror.example/debian";
  home.package([url, "hello", "2.10-3", "amd64"], layer(3_000, "hello"));
  for (const file of ["InRelease", "main/binary-amd64/Packages.gz"]) {
    home.package(["index", `${url}/dists/trixie/${file}`, "-", "any"], layer(2_000, file));
  }
  const { stdout } = await home.larder("df");
  const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
  const countOf = (kind: string) => rows.find(([name]) => name === kind)?.[1];
  assert.deepEqual([countOf("package"), countOf("package index")], ["1", "2"]);
  const { types, indexes } = JSON.parse((await home.larder("df", "--format", "json")).stdout);
  const ofType = types.find(({ type }: { type: string }) => type === "package");
  assert.deepEqual([ofType.count, indexes.count], [3, 2]);
  assert.ok(indexes.size > 4_000 && ofType.size > indexes.size + 3_000);
  assert.match(
    (await home.larder("list")).stdout,
    /^There is 1 package using 3\.\S+ KiB and 2 package indexes using 4\.\S+ KiB of space\n/,
  );
});
