import assert from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  blob,
  digestOf,
  HOST_PLATFORM,
  image,
  index,
  MEDIA_TYPES,
  multiPlatform,
  platformOf,
  utf8,
  wasmModule,
} from "../../../support/cache/artifacts.ts";
import { filesBelow } from "../../../support/cache/store_check.ts";
import { spinApp } from "../../../support/cache/spin_apps.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";

const NAME = "docker.io/library/app:v1";
const ARTIFACT = image(["one", "two"]);

class Home extends TestCacheHome {
  at(name: string): string {
    return join(this.path, name);
  }

  /** Exports, and returns stdout. */
  async exported(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.larder("export", ...args);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** Returns the names in the home folder. */
  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name)
      .filter((name) => name !== ".cache").sort();
  }
}

/** Returns the digests of the blobs in a layout, after checking each. */
function blobsIn(folder: string): string[] {
  return filesBelow(join(folder, "blobs")).map((path) => {
    const digest = path.split("/").slice(-2).join(":");
    assert.equal(digestOf(Deno.readFileSync(path), digest.split(":")[0] as "sha256"), digest);
    return digest;
  });
}

const digests = (...artifacts: { descriptor: { digest: string } }[]) =>
  artifacts.map(({ descriptor }) => descriptor.digest).sort();

Deno.test("export writes a reference as a layout, and marks it as used", async () => {
  using home = new Home();
  const folder = home.pulled(NAME, ARTIFACT, { used: 1e9 });
  const stdout = await home.exported("app:v1", home.at("out"));
  assert.equal(stdout, `${NAME}@${ARTIFACT.descriptor.digest}\n`);
  assert.deepEqual(blobsIn(home.at("out")), digests(ARTIFACT, ...ARTIFACT.blobs));
  assert(Deno.statSync(join(folder, "record.json")).mtime!.getTime() > home.now);
  assert.deepEqual(home.names(), ["out"]);
  assert.match((await home.larder("stats")).stdout, /HITS +1 /);
});

Deno.test("export writes Docker's manifests in OCI's form too, and import restores the originals", async (t) => {
  const one = image(["one"], { docker: true, platform: platformOf(HOST_PLATFORM) });
  const arm = image(["two"], { docker: true, platform: platformOf("linux/s390x") });
  const list = index(
    [one, arm].map((artifact, i) => ({
      artifact,
      platform: platformOf(i === 0 ? HOST_PLATFORM : "linux/s390x"),
    })),
    { docker: true },
  );
  const cases = [
    ["a manifest", one, false],
    ["one platform of a list", list, false],
    ["a list", list, true],
  ] as const;
  for (const [name, artifact, allPlatforms] of cases) {
    await t.step(name, async () => {
      using home = new Home();
      const file = join(home.pulled(NAME, artifact), "record.json");
      const record = JSON.parse(Deno.readTextFileSync(file));
      Deno.writeTextFileSync(file, JSON.stringify({ ...record, allPlatforms }));
      const stdout = await home.exported("app:v1", home.at("out"));
      const [root] = JSON.parse(Deno.readTextFileSync(home.at("out/index.json"))).manifests;
      assert.equal(root.mediaType, MEDIA_TYPES.ociManifest);
      const path = `out/blobs/${root.digest.replace(":", "/")}`;
      const { mediaType, config, layers } = JSON.parse(Deno.readTextFileSync(home.at(path)));
      assert.equal(mediaType, MEDIA_TYPES.ociManifest);
      const [hostConfig, hostLayer] = one.blobs.map(({ descriptor }) => descriptor);
      assert.deepEqual(config, { ...hostConfig, mediaType: MEDIA_TYPES.ociConfig });
      assert.deepEqual(layers, [{ ...hostLayer, mediaType: MEDIA_TYPES.ociLayer }]);
      using other = new Home();
      assert.equal((await other.larder("import", home.at("out"))).stdout, stdout);
      assert.equal(await other.exported("app:v1", other.at("again")), stdout);
      assert.deepEqual(blobsIn(other.at("again")), blobsIn(home.at("out")));
    });
  }
});

Deno.test("export writes the same archive twice, in which the manifests come first", async () => {
  using home = new Home();
  home.pulled(NAME, ARTIFACT);
  await home.exported("app", "app:v1", home.at("a.tar"));
  await home.exported("app:v1", home.at("b.tar"));
  const bytes = Deno.readFileSync(home.at("a.tar"));
  assert.deepEqual(Deno.readFileSync(home.at("b.tar")), bytes);
  await home.exported("app:v1", home.at("c.tar.gz"));
  assert.deepEqual(new Uint8Array(gunzipSync(Deno.readFileSync(home.at("c.tar.gz")))), bytes);
  const text = new TextDecoder("latin1").decode(bytes);
  const layer = ARTIFACT.blobs[1]!.descriptor.digest.slice(7);
  assert(
    text.indexOf(ARTIFACT.descriptor.digest.slice(7)) < text.lastIndexOf(`blobs/sha256/${layer}`),
  );
});

Deno.test("export puts several names and globs into one bundle, each blob once", async () => {
  using home = new Home();
  const other = image(["one", "three"]);
  home.pulled(NAME, ARTIFACT);
  home.pulled("ghcr.io/acme/b:1", other);
  home.pulled("ghcr.io/acme/c:1", other);
  home.package("deb/hello/1/amd64", blob("package", "application/octet-stream"));
  const { stdout } = await home.larder(
    "export",
    "app:v1",
    "ghcr.io/*",
    "*hello*",
    home.at("all"),
    "--format",
    "json",
  );
  const result = JSON.parse(stdout);
  assert.equal(result.entries.length, 4);
  assert.equal(result.written.blobs, 3 + 2 + 1); // The layers and configs, and the package.
  const { manifests } = JSON.parse(Deno.readTextFileSync(home.at("all/index.json")));
  assert.deepEqual(
    manifests.map((each: { annotations: Record<string, string> }) =>
      each.annotations["io.containerd.image.name"] ?? each.annotations["dev.larder.entry"]
    ),
    [NAME, "ghcr.io/acme/b:1", "ghcr.io/acme/c:1", "deb/hello/1/amd64"],
  );
});

Deno.test("export writes one package or build as its file, with the permissions of the user", async () => {
  using home = new Home();
  home.package("deb/hello/1/amd64", blob("the package", "application/octet-stream"));
  home.build("disk", digestOf(utf8("spec")), blob("the build", "application/octet-stream"));
  assert.equal(
    await home.exported("deb/hello/1/amd64", home.at("hello.deb")),
    "deb/hello/1/amd64\n",
  );
  assert.equal(Deno.readTextFileSync(home.at("hello.deb")), "the package");
  await home.exported("disk", home.at("disk.tar")); // The name of the file does not matter.
  assert.equal(Deno.readTextFileSync(home.at("disk.tar")), "the build");
  Deno.writeTextFileSync(home.at("own"), "");
  assert.equal(Deno.statSync(home.at("disk.tar")).mode, Deno.statSync(home.at("own")).mode);
  await home.exported("disk*", home.at("bundle")); // A glob makes a bundle.
  assert(Deno.statSync(home.at("bundle/index.json")).isFile);
  assert.deepEqual(home.names(), ["bundle", "disk.tar", "hello.deb", "own"]);
});

Deno.test("export replaces nothing without --force, and with it only a file or a layout", async (t) => {
  using home = new Home();
  home.pulled(NAME, ARTIFACT);
  Deno.writeTextFileSync(home.at("file.tar"), "mine");
  Deno.mkdirSync(home.at("mine"));
  Deno.writeTextFileSync(home.at("mine/file"), "mine");
  Deno.mkdirSync(home.at("empty"));
  await home.exported("app:v1", home.at("layout"));
  const cases: [string, string[], number][] = [
    ["a file", ["file.tar"], 2],
    ["a folder with files", ["mine"], 2],
    ["a folder with files, with --force", ["mine", "--force"], 2],
    ["a layout", ["layout"], 2],
    ["an archive with the name of a folder", ["empty", "--force"], 0],
    ["a layout, with --force", ["layout", "--force"], 0],
    ["a file, with --force", ["file.tar", "--force"], 0],
    ["a folder that does not exist", ["no/out"], 2],
    ["a file in place of its folder", ["file.tar/out"], 7],
    ["an archive of another kind", ["out.tar.xz"], 2],
  ];
  for (const [name, [path, ...options], code] of cases) {
    await t.step(name, async () => {
      const result = await home.larder("export", "app:v1", home.at(path!), ...options);
      assert.equal(result.code, code, result.stderr);
    });
  }
  assert.equal(Deno.readTextFileSync(home.at("mine/file")), "mine");
  assert.deepEqual(blobsIn(home.at("layout")), digests(ARTIFACT, ...ARTIFACT.blobs));
  assert.deepEqual(home.names(), ["empty", "file.tar", "layout", "mine"]);
});

Deno.test("export leaves nothing behind if something is missing or damaged, and replaces nothing", async () => {
  using home = new Home();
  home.pulled(NAME, ARTIFACT);
  home.build("disk", digestOf(utf8("spec")), blob("the build", "application/octet-stream"));
  await home.exported("app:v1", home.at("good.tar"));
  const before = Deno.readFileSync(home.at("good.tar"));
  await home.exported("disk", home.at("disk.img"));
  for (const text of ["one", "the build"]) {
    const path = join(home.registry, "data", digestOf(utf8(text)));
    const { mtime } = Deno.statSync(path);
    Deno.writeTextFileSync(path, text.toUpperCase());
    Deno.utimeSync(path, mtime!, mtime!); // It still counts as verified.
  }
  for (const path of ["out", "out.tar", "out.tar.gz", "good.tar"]) {
    const { code, stderr } = await home.larder("export", "app:v1", home.at(path), "--force");
    assert.equal(code, 5, stderr);
  }
  assert.equal((await home.larder("export", "disk", home.at("disk.img"), "--force")).code, 5);
  assert.equal((await home.larder("export", "disk", home.at("folder/"))).code, 2);
  assert.deepEqual(Deno.readFileSync(home.at("good.tar")), before);
  assert.equal(Deno.readTextFileSync(home.at("disk.img")), "the build");
  Deno.removeSync(join(home.registry, "data", digestOf(utf8("two"))));
  assert.equal((await home.larder("export", "app:v1", home.at("out"))).code, 3);
  assert.deepEqual(home.names(), ["disk.img", "good.tar"]);
});

Deno.test("export uses again what a killed export left, and leaves a folder of another name alone", async () => {
  using home = new Home();
  home.pulled(NAME, ARTIFACT);
  for (
    const path of ["out.larder.tmp/oci-layout", "out.larder.tmp/blobs/sha256/1", "mine.tmp/file"]
  ) {
    Deno.mkdirSync(join(home.at(path), ".."), { recursive: true });
    Deno.writeTextFileSync(home.at(path), "");
  }
  Deno.writeTextFileSync(home.at("out.tar.larder.tmp"), "x".repeat(100_000));
  await home.exported("app:v1", home.at("out"));
  await home.exported("app:v1", home.at("out.tar"));
  await home.exported("app:v1", home.at("mine"));
  assert.deepEqual(home.names(), ["mine", "mine.tmp", "out", "out.tar"]);
  assert.deepEqual(blobsIn(home.at("out")), digests(ARTIFACT, ...ARTIFACT.blobs));
});

Deno.test("export --since leaves out what earlier bundles name, and import needs them in turn", async () => {
  using home = new Home();
  const stages = [["a", "b"], ["b", "c"], ["c", "d"]].map((layers) => image(layers));
  const paths = ["1.tar", "2.tar.gz", "3"].map((name) => home.at(name));
  for (const [i, artifact] of stages.entries()) {
    home.pulled(NAME, artifact);
    const since = i > 0 ? ["--since", paths[i - 1]!] : [];
    await home.exported("app:v1", paths[i]!, ...since);
  }
  // The manifest, the config and the new layer.
  assert.deepEqual(
    blobsIn(paths[2]!),
    digests(stages[2]!, stages[2]!.blobs[0]!, stages[2]!.blobs[2]!),
  );
  using site = new Home();
  const early = await site.larder("import", paths[2]!);
  assert.equal(early.code, 3, early.stderr);
  assert.match(
    early.stderr,
    new RegExp(`needs 1 blob of an earlier bundle: ${digestOf(utf8("c"))}`),
  );
  for (const path of paths) {
    const { code, stderr } = await site.larder("import", path);
    assert.equal(code, 0, stderr);
  }
  const pulled = await site.larder("pull", "--offline", NAME);
  assert.equal(pulled.stdout, `${NAME}@${stages[2]!.descriptor.digest}\n`);
});

Deno.test("export --since refuses a path that is no bundle", async () => {
  using home = new Home();
  home.pulled(NAME, ARTIFACT);
  Deno.writeTextFileSync(home.at("text"), "text");
  const since = (path: string) =>
    home.larder("export", "app:v1", home.at("out"), "--since", home.at(path));
  assert.equal((await since("text")).code, 5);
  assert.equal((await since("nothing")).code, 3);
  assert.deepEqual(home.names(), ["text"]);
});

Deno.test("export names what it cannot export", async (t) => {
  using home = new Home();
  home.pulled(NAME, ARTIFACT);
  home.compiled(digestOf(wasmModule()), "jco-1", [blob("js", "text/javascript")]);
  const cases: [string, string[], number, RegExp][] = [
    ["a path alone", ["app:v1"], 2, /the other is missing/],
    ["a name that is not cached", ["nope", "out"], 3, /nothing in the cache matches "nope"/],
    ["a blob", [ARTIFACT.blobs[1]!.descriptor.digest, "out"], 2, /not an entry/],
    ["compiled code", ["*jco-1", "out"], 2, /compiled code/],
  ];
  for (const [name, args, code, text] of cases) {
    await t.step(name, async () => {
      const result = await home.larder("export", ...args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, text);
    });
  }
});

Deno.test("export writes what Spin pulled, and the app is complete after an import", async () => {
  using home = new Home();
  home.pulledBySpin("ghcr.io/acme/hello:v1", await spinApp());
  await home.exported("ghcr.io/acme/hello:v1", home.at("app.tar"));
  using other = new Home();
  assert.equal((await other.larder("import", home.at("app.tar"))).code, 0);
  assert.equal((await other.larder("pull", "--offline", "ghcr.io/acme/hello:v1")).code, 0);
  assert.equal((await other.larder("verify")).code, 0);
});

Deno.test("export writes every platform of an index that was pulled with all of them", async () => {
  using home = new Home();
  const whole = multiPlatform(HOST_PLATFORM, "linux/s390x");
  const folder = home.pulled(NAME, whole);
  const record = JSON.parse(Deno.readTextFileSync(join(folder, "record.json")));
  Deno.writeTextFileSync(
    join(folder, "record.json"),
    JSON.stringify({ ...record, allPlatforms: true }),
  );
  await home.exported("app:v1", home.at("out"));
  const { manifests } = JSON.parse(Deno.readTextFileSync(home.at("out/index.json")));
  assert.equal(manifests[0].digest, whole.descriptor.digest);
  const all = whole.children.flatMap((child) => [child, ...child.blobs]);
  assert.deepEqual(blobsIn(home.at("out")), digests(whole, ...all));
});
