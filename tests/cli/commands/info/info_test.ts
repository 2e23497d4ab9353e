import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, digestOf, image, multiPlatform, utf8 } from "../../../support/cache/artifacts.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { spinApp } from "../../../support/cache/spin_apps.ts";

const SHARED = blob("a layer that two have ".repeat(50));
const TITLE = "org.opencontainers.image.title";
const ONE = image([SHARED, "own"], { annotations: { [TITLE]: "the demo\x1b[31m" } });
const TWO = image([SHARED, "other"]);

function filled(): TestCacheHome {
  const home = new TestCacheHome();
  home.pin(home.pulled("ghcr.io/acme/shop:v1", ONE), "for the demo");
  home.pulled("ghcr.io/acme/shop:v2", TWO);
  return home;
}

/** Masks what depends on the run and the machine. */
function masked(text: string, home: TestCacheHome): string {
  return text.replaceAll(home.registry, "<cache>")
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "<time>")
    .replace(/\b[\d.]+ (?:B|KiB) {2,}/g, (size) => "<size>".padEnd(size.length))
    .replace(/\b[\d.]+ (?:B|KiB)\b/g, "<size>")
    .replace(/sha256:[0-9a-f]{64}/g, "<digest>")
    .replace(/\b[0-9a-f]{12}\b/g, "<short>");
}

Deno.test("info prints the manifest, the layers with their sharers, and the path of an image", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("info", "ghcr.io/acme/shop:v1");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    masked(stdout, home),
    `NAME        ghcr.io/acme/shop:v1
TYPE        image
DIGEST      <digest>
MEDIA TYPE  application/vnd.oci.image.manifest.v1+json
SIZE        <size> (<size> shared with other entries)
CREATED     <time>
LAST USED   <time>
CHECKED     <time>
PINNED      yes: for the demo
WRITTEN BY  larder
PATH        <cache>/manifests/ghcr.io/acme/shop/v1

Manifest <digest>
KIND    DIGEST        SIZE      MEDIA TYPE                   SHARED WITH
config  <short>  <size>    oci.image.config.v1+json     -
layer   <short>  <size>    oci.image.layer.v1.tar+gzip  ghcr.io/acme/shop:v2
layer   <short>  <size>    oci.image.layer.v1.tar+gzip  -

ANNOTATION                      VALUE
org.opencontainers.image.title  the demo [31m
`,
  );
});

Deno.test("info -v prints whole digests, and paths", async () => {
  using home = filled();
  const { stdout } = await home.larder("info", "-v", "ghcr.io/acme/shop:v1");
  const { digest } = SHARED.descriptor;
  const row = stdout.split("\n").find((line) => line.includes(`  ${digest}  `));
  assert.ok(row?.endsWith(`  ${join(home.registry, "data", digest)}`), stdout);
});

Deno.test("info leaves out SHARED WITH if nothing is shared, and counts several sharers", async () => {
  using home = new TestCacheHome();
  home.pulled("ghcr.io/a/own:v1", image(["own"]));
  for (const tag of ["v1", "v2", "v3"]) home.pulled(`ghcr.io/a/shared:${tag}`, image(["shared"]));
  assert.doesNotMatch((await home.larder("info", "ghcr.io/a/own:v1")).stdout, /SHARED WITH/);
  const { stdout } = await home.larder("info", "ghcr.io/a/shared:v1");
  assert.match(stdout, /^layer .* 2 entries$/m);
  assert.match((await home.larder("info", "-v", "ghcr.io/a/shared:v1")).stdout, /shared:v2, ghcr/);
});

Deno.test("info prints the platforms of an index, and which are cached", async () => {
  using home = new TestCacheHome();
  const nginx = multiPlatform("linux/amd64", "linux/arm/v7");
  home.pulled("docker.io/library/nginx:latest", nginx);
  Deno.removeSync(
    join(home.registry, "manifests/docker.io/library/nginx", nginx.children[1]!.descriptor.digest),
    { recursive: true },
  );
  const { stdout } = await home.larder("info", "nginx");
  assert.match(stdout, /^linux\/amd64 +[0-9a-f]{12} +yes$/m);
  assert.match(stdout, /^linux\/arm\/v7 +[0-9a-f]{12} +no$/m);
  const json = JSON.parse((await home.larder("info", "nginx", "--format", "json")).stdout);
  assert.equal(json.digest, nginx.descriptor.digest);
  assert.deepEqual(
    json.index.platforms.map((each: object) => Object.values(each).slice(0, 2)),
    nginx.children.map((child, i) => [["linux/amd64", "linux/arm/v7"][i], child.descriptor.digest]),
  );
  assert.equal(json.manifest.digest, nginx.children[0]!.descriptor.digest);
});

for (const writer of ["larder", "spin"] as const) {
  Deno.test(`info prints components and routes of a Spin app written by ${writer}`, async () => {
    using home = new TestCacheHome();
    const app = await spinApp({ files: { "a.txt": "a", "b.txt": "b" } });
    const reference = "ghcr.io/owner/hello:v1";
    if (writer === "larder") home.pulled(reference, app);
    else home.pulledBySpin(reference, app);
    const { code, stdout } = await home.larder("info", reference);
    assert.equal(code, 0);
    assert.match(stdout, /^WRITTEN BY +(larder|spin)$/m);
    assert.match(stdout, /\nSpin app app\nCOMPONENT +WASM +FILES\nhello +[0-9a-f]{12} +2\n/);
    assert.match(stdout, /\nROUTE +COMPONENT\n\/\.\.\. +hello\n/);
    const { spin, manifest, writtenBy } = JSON.parse(
      (await home.larder("info", reference, "--format", "json")).stdout,
    );
    assert.equal(writtenBy, writer);
    const wasm = app.blobs[1]!.descriptor.digest;
    assert.deepEqual(spin, {
      name: "app",
      components: [{
        id: "hello",
        digest: wasm,
        files: 2,
        path: join(home.registry, "wasm", wasm),
      }],
      routes: [{ route: "/...", component: "hello" }],
      otherTriggers: [],
    });
    assert.match(manifest.parts.at(-1).path, /config\.json$/);
  });
}

Deno.test("info prints why a locked app cannot be read", async () => {
  using home = new TestCacheHome();
  const folder = home.pulled("ghcr.io/owner/hello:v1", await spinApp());
  const record = JSON.parse(Deno.readTextFileSync(join(folder, "record.json")));
  const config = join(folder, "..", record.manifestDigest, "config.json");
  Deno.writeTextFileSync(config, '{"spin_lock_version": 9}');
  const { code, stdout } = await home.larder("info", "ghcr.io/owner/hello:v1");
  assert.equal(code, 0);
  assert.match(stdout, /^PROBLEM +bad Spin application of ghcr\.io\/owner\/hello:v1: /m);
});

Deno.test("info --format json has the record, the parts and their sharers", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder(
    "info",
    "--format",
    "json",
    "ghcr.io/acme/shop:v1",
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const info = JSON.parse(stdout);
  assert.deepEqual([info.type, info.name, info.pin], ["image", "ghcr.io/acme/shop:v1", {
    note: "for the demo",
  }]);
  assert.deepEqual(
    info.record,
    JSON.parse(Deno.readTextFileSync(join(info.path, "record.json"))),
  );
  const { annotations, parts, platforms, ...manifest } = info.manifest;
  assert.deepEqual(annotations, { [TITLE]: "the demo\x1b[31m" });
  assert.deepEqual(platforms, []);
  assert.equal(manifest.digest, ONE.descriptor.digest);
  assert.deepEqual(
    parts,
    ONE.blobs.map(({ descriptor }, i) => ({
      kind: i === 0 ? "config" : "layer",
      ...descriptor,
      annotations: {},
      path: join(home.registry, "data", descriptor.digest),
      sharedWith: i === 1 ? ["ghcr.io/acme/shop:v2"] : [],
    })),
  );
  assert.deepEqual([info.index, info.spin, info.spinProblem], [null, null, null]);
});

Deno.test("info marks a layer that is not cached, and prints the problem of a damaged entry", async () => {
  using home = filled();
  Deno.removeSync(join(home.registry, "data", ONE.blobs[2]!.descriptor.digest));
  const partly = await home.larder("info", "ghcr.io/acme/shop:v1");
  assert.match(partly.stdout, /^layer .* \(not cached\)$/m);
  home.write("manifests/ghcr.io/acme/broken/v1/manifest.json", "{}");
  const broken = await home.larder("info", "ghcr.io/acme/broken:v1");
  assert.equal(broken.code, 0);
  assert.match(broken.stdout, /^PROBLEM +\S/m);
});

Deno.test("info prints the entries that need a blob, and the files of compiled code", async () => {
  using home = filled();
  const code = blob("console.log()", "text/javascript");
  const component = digestOf(utf8("component"));
  home.compiled(component, "engine-1", [code]);
  const { digest } = SHARED.descriptor;
  const shared = await home.larder("info", digest.slice(7, 19));
  assert.match(shared.stdout, new RegExp(`^DIGEST +${digest}\nTYPE +blob\n`));
  assert.match(
    shared.stdout,
    /^NEEDED BY +2 entries\n\n {2}ghcr\.io\/acme\/shop:v1\n {2}ghcr\.io\/acme\/shop:v2\n$/m,
  );
  const json = JSON.parse((await home.larder("info", digest, "--format", "json")).stdout);
  assert.deepEqual(json, {
    type: "blob",
    digest,
    mediaType: SHARED.descriptor.mediaType,
    neededBy: ["ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"],
    manifest: null,
    files: [{
      path: join(home.registry, "data", digest),
      size: SHARED.descriptor.size,
      written: new Date(home.now).toISOString(),
    }],
  });
  const compiled = JSON.parse(
    (await home.larder("info", `${component}/`, "--format", "json")).stdout,
  );
  assert.equal(compiled.type, "compiled");
  assert.deepEqual(compiled.files, [{
    digest: code.descriptor.digest,
    size: code.descriptor.size,
    path: join(home.registry, "data", code.descriptor.digest),
    sharedWith: [],
  }]);
  const manifest = await home.larder("info", `${ONE.descriptor.digest}`, "--format", "json");
  assert.equal(JSON.parse(manifest.stdout).type, "image");
});

Deno.test("info of an ambiguous name is exit 2 with the candidates, of an unknown one exit 3", async () => {
  using home = filled();
  assert.deepEqual(await home.larder("info", "ghcr.io/acme"), {
    code: 2,
    stdout: "",
    stderr: 'error: "ghcr.io/acme" is ambiguous: 2 matches in the cache [LDR_USAGE]\n' +
      "  image     ghcr.io/acme/shop:v1\n  image     ghcr.io/acme/shop:v2\n" +
      "hint: write more of the name or digest\n",
  });
  const absent = await home.larder("info", "quay.io/x");
  assert.deepEqual([absent.code, absent.stdout], [3, ""]);
  assert.match(absent.stderr, /\[LDR_NOT_CACHED\]\nhint: larder list -v /);
});

/** A cache with an entry that shares a layer with two others, in more folders than are read for one name. */
function large(): TestCacheHome {
  const home = filled();
  home.pulled("quay.io/other/shop:v1", image([SHARED]));
  for (let i = 0; i < 1000; i++) {
    Deno.mkdirSync(join(home.registry, `manifests/quay.io/many/repository${i}`), {
      recursive: true,
    });
  }
  return home;
}

Deno.test("info of a name reads only its repository in a large cache, and says so", async () => {
  using home = large();
  const { code, stdout, stderr } = await home.larder("info", "ghcr.io/acme/shop:v1");
  assert.equal(code, 0);
  assert.match(stdout, /^SIZE {8}[\d.]+ KiB$/m);
  assert.match(stdout, /SHARED IN REPOSITORY\n.*\n.* ghcr\.io\/acme\/shop:v2\n/);
  assert.doesNotMatch(stdout, /quay/);
  assert.equal(
    stderr,
    "other repositories were not read; larder info -v also tells what they share\n",
  );
});

Deno.test("info -v and info --format json tell of every sharer in a large cache", async () => {
  using home = large();
  const { stdout, stderr } = await home.larder("info", "-v", "ghcr.io/acme/shop:v1");
  assert.match(
    stdout,
    /SHARED WITH +PATH\n.*\n.* ghcr\.io\/acme\/shop:v2, quay\.io\/other\/shop:v1 /,
  );
  assert.equal(stderr, "");
  const json = await home.larder("info", "ghcr.io/acme/shop:v1", "--format", "json");
  const [, layer] = JSON.parse(json.stdout).manifest.parts;
  assert.deepEqual(layer.sharedWith, ["ghcr.io/acme/shop:v2", "quay.io/other/shop:v1"]);
});

for (const name of [SHARED.descriptor.digest, "ghcr.io/acme/shop:v", "quay.io/other"]) {
  Deno.test(`info finds a digest or beginning in a large cache as in a small one: ${name}`, async () => {
    using small = filled();
    using big = large();
    small.pulled("quay.io/other/shop:v1", image([SHARED]));
    const [expected, found] = [await small.larder("info", name), await big.larder("info", name)];
    assert.equal(masked(found.stdout, big), masked(expected.stdout, small));
    assert.deepEqual([found.code, found.stderr], [expected.code, expected.stderr]);
  });
}

Deno.test("why reads only the repository of a name in a large cache, unless a budget compares all", async () => {
  using home = large();
  const size = async (name: string) =>
    /^SIZE +(.*)$/m.exec((await home.larder("why", name)).stdout)![1];
  assert.match((await size("ghcr.io/acme/shop:v2"))!, /^[\d.]+ KiB$/);
  home.write("../../../.config/larder/config.yaml", "gc: { max_size: 1GB }");
  assert.match((await size("ghcr.io/acme/shop:v2"))!, /shared with other entries/);
  // It is pinned, whatever the budget.
  assert.match((await size("ghcr.io/acme/shop:v1"))!, /^[\d.]+ KiB$/);
});
