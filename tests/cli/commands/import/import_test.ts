import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import {
  type Artifact,
  blob,
  digestOf,
  HOST_PLATFORM,
  image,
  index,
  MEDIA_TYPES,
  multiPlatform,
  platformOf,
  randomBytes,
  utf8,
  wasmArtifact,
} from "../../../support/cache/artifacts.ts";
import {
  blobFile,
  type Files,
  layoutOf,
  membersOf,
  tarFileOf,
  writeFiles,
} from "../../../support/cache/image_layouts.ts";
import { spinApp } from "../../../support/cache/spin_apps.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  filesBelow,
} from "../../../support/cache/store_check.ts";
import { writeAsSpin } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { gnuLongMember, tarMember, tarOf } from "../../../support/tar_writer.ts";

const NAME = "ghcr.io/acme/app:v1";

/** A home, with the bundle to import. */
class Home extends TestCacheHome {
  file(name: string, content: Uint8Array): string {
    const path = join(this.path, name);
    Deno.writeFileSync(path, content);
    return path;
  }

  folder(name: string, files: Files): string {
    return writeFiles(join(this.path, name), files);
  }

  /** Imports a bundle that is good, and returns its stdout. */
  async imported(path: string, ...options: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.larder("import", path, ...options);
    assert.equal(code, 0, stderr);
    assertStoreSound(this.registry);
    assertNoStrayFiles(this.registry);
    return stdout;
  }

  /** Fails unless nothing in the cache is visible: no blobs, no entries. */
  assertNothingVisible(): void {
    const visible = ["data", "wasm", "manifests", "builds", "packages"];
    assert.deepEqual(visible.flatMap((tree) => filesBelow(join(this.registry, tree))), []);
  }
}

const ONE = image(["one", "two"]);

Deno.test("import adds the images of a layout under their names, and pull --offline finds them", async () => {
  using home = new Home();
  const wasm = wasmArtifact();
  const path = home.folder(
    "layout",
    layoutOf({ artifact: ONE, name: NAME }, { artifact: wasm, name: "tool:1" }),
  );
  const stdout = await home.imported(path);
  assert.equal(
    stdout,
    `${NAME}@${ONE.descriptor.digest}\ndocker.io/library/tool:1@${wasm.descriptor.digest}\n`,
  );
  const pulled = await home.larder("pull", "--offline", NAME, "--format", "json");
  assert.equal(pulled.code, 0, pulled.stderr);
  const [result] = JSON.parse(pulled.stdout);
  assert.equal(result.digest, ONE.descriptor.digest);
  assert.equal(result.checkedAt, null);
  assert.match((await home.larder("info", NAME)).stdout, /CHECKED +never: it was imported/);
  assert.match((await home.larder("why", NAME)).stdout, /imported from .*layout/);
});

Deno.test("import reads every form of an archive", async (t) => {
  const files = layoutOf({ artifact: ONE, name: NAME });
  const tar = tarFileOf(files);
  const dotted = tarOf(
    ...membersOf(files).map((member) => ({ ...member, name: `./${member.name}` })),
  );
  const forms = { tar, gz: gzipSync(tar), dotted };
  for (const [form, bytes] of Object.entries(forms)) {
    await t.step(form, async () => {
      using home = new Home();
      const stdout = await home.imported(home.file("bundle", bytes));
      assert.equal(stdout, `${NAME}@${ONE.descriptor.digest}\n`);
    });
  }
});

/** Any image or index, with layers that others may share. */
const ARTIFACTS: fc.Arbitrary<Artifact> = fc.letrec<{ image: Artifact; index: Artifact }>((
  tie,
) => ({
  image: fc.record({
    layers: fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 4 }),
    docker: fc.boolean(),
  }).map(({ layers, docker }) => image(layers, { docker })),
  index: fc.record({
    images: fc.array(tie("image"), { minLength: 1, maxLength: 3 }),
    docker: fc.boolean(),
  }).map(({ images, docker }) =>
    index(
      images.map((artifact, i) => ({
        artifact,
        platform: platformOf(["linux/amd64", "linux/arm64", "wasi/wasm"][i]!),
      })),
      { docker },
    )
  ),
})).index.chain((whole) => fc.constantFrom(whole, whole.children[0]!));

Deno.test("import and export keep the digests of any images", async () => {
  const bundles = fc.uniqueArray(ARTIFACTS, {
    minLength: 1,
    maxLength: 4,
    selector: (artifact) => artifact.descriptor.digest,
  });
  const property = fc.asyncProperty(bundles, fc.boolean(), async (artifacts, isArchive) => {
    using home = new Home();
    const images = artifacts.map((artifact, i) => ({ artifact, name: `example.com/i${i}:t` }));
    const files = layoutOf(...images);
    const path = isArchive ? home.file("in.tar", tarFileOf(files)) : home.folder("in", files);
    await home.imported(path);
    const exported = await home.larder("export", "example.com/*", join(home.path, "out"));
    assert.equal(exported.code, 0, exported.stderr);
    const out = new Set(
      filesBelow(join(home.path, "out", "blobs")).map((file) =>
        file.split("/").slice(-3).join("/")
      ),
    );
    assert.deepEqual(out, new Set([...files.keys()].filter((name) => name.startsWith("blobs/"))));
    const { manifests } = JSON.parse(Deno.readTextFileSync(join(home.path, "out", "index.json")));
    assert.deepEqual(
      manifests.map(({ digest }: { digest: string }) => digest),
      artifacts.map(({ descriptor }) => descriptor.digest),
    );
  });
  await fc.assert(property, { numRuns: 15 });
});

Deno.test("import takes an index that has one of its platforms, as Docker saves it", async () => {
  using home = new Home();
  const whole = multiPlatform(HOST_PLATFORM, "linux/s390x");
  const files = layoutOf({
    artifact: { ...whole, children: whole.children.slice(0, 1) },
    name: NAME,
  });
  assert.equal(
    await home.imported(home.folder("layout", files)),
    `${NAME}@${whole.descriptor.digest}\n`,
  );
  assert.equal((await home.larder("pull", "--offline", NAME)).code, 0);
});

Deno.test("import restores the index of a bundle that larder exported for one platform", async () => {
  using home = new Home();
  const whole = multiPlatform(HOST_PLATFORM, "linux/s390x");
  home.pulled(NAME, { ...whole, children: whole.children.slice(0, 1) });
  const path = join(home.path, "out.tar");
  assert.equal((await home.larder("export", NAME, path)).code, 0);
  using other = new Home();
  assert.equal(await other.imported(path), `${NAME}@${whole.descriptor.digest}\n`);
});

/** What `docker save` and `podman save` write: uncompressed layers, and no manifest. */
function dockerArchive(
  tags: readonly string[] | null,
  options: { gzip?: boolean; linked?: boolean } = {},
) {
  const layers = ["first layer", "second layer"].map(utf8);
  const config = utf8(JSON.stringify({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: layers.map((bytes) => digestOf(bytes)) },
  }));
  const hex = digestOf(config).slice("sha256:".length);
  const names = layers.map((_, i) => `${i}/layer.tar`);
  const members = layers.flatMap((bytes, i) => {
    const content = options.gzip ? new Uint8Array(gzipSync(bytes)) : bytes;
    return options.linked
      ? [
        tarMember({ name: `real${i}.tar`, content }),
        tarMember({ name: names[i]!, type: "2", link: `../real${i}.tar` }),
      ]
      : [tarMember({ name: names[i]!, content })];
  });
  const manifest = JSON.stringify([{ Config: `${hex}.json`, RepoTags: tags, Layers: names }]);
  return tarOf(
    ...members,
    { name: `${hex}.json`, content: config },
    { name: "manifest.json", content: manifest },
  );
}

Deno.test("import reads the archives of docker save, with the layers that their configs name", async (t) => {
  const cases: [string, Uint8Array, string[], string[]][] = [
    ["one tag", dockerArchive(["app:1"]), [], ["docker.io/library/app:1"]],
    ["two tags", dockerArchive(["app:1", "b.io/c:2"]), [], ["docker.io/library/app:1", "b.io/c:2"]],
    ["no tag", dockerArchive(null), ["--as", "b.io/c:2"], ["b.io/c:2"]],
    ["compressed layers, as crane writes them", dockerArchive(["app:1"], { gzip: true }), [], [
      "docker.io/library/app:1",
    ]],
    ["linked layers", dockerArchive(["app:1"], { linked: true }), [], ["docker.io/library/app:1"]],
  ];
  for (const [name, bytes, options, names] of cases) {
    await t.step(name, async () => {
      using home = new Home();
      const stdout = await home.imported(home.file("saved.tar", bytes), ...options);
      assert.deepEqual(stdout.trim().split("\n").map((line) => line.split("@")[0]), names);
      assert.equal((await home.larder("pull", "--offline", names[0]!)).code, 0);
    });
  }
});

Deno.test("import makes the same manifest of the same archive of Docker", async () => {
  using home = new Home();
  const once = await home.imported(home.file("a.tar", dockerArchive(["app:1"])));
  const again = await home.imported(home.file("b.tar", dockerArchive(["app:1"], { linked: true })));
  assert.equal(again, once);
});

/** Returns a layout with some files replaced or removed. */
function changed(files: Files, changes: Record<string, Uint8Array | undefined>): Files {
  const copy: Files = new Map(files);
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes) copy.set(name, bytes);
    else copy.delete(name);
  }
  return copy;
}

const BIG = image([blob(randomBytes(20_000), MEDIA_TYPES.ociLayer), "two"]);
const GOOD = layoutOf({ artifact: BIG, name: NAME });
const [CONFIG, LAYER] = BIG.blobs.map(({ descriptor }) => blobFile(descriptor.digest));
const MANIFEST = blobFile(BIG.descriptor.digest);

function flipped(name: string): Uint8Array {
  const bytes = Uint8Array.from(GOOD.get(name)!);
  bytes[bytes.length - 1]! ^= 1;
  return bytes;
}

/** A tar file with a member before those of the good layout. */
const withMember = (...members: Uint8Array[]) => tarOf(...members, ...membersOf(GOOD));

const TAR = tarFileOf(GOOD);
const GZIP = new Uint8Array(gzipSync(TAR));
const NAMES_NOTHING = /./;

/** Bundles that are refused, with a part of the message. */
const BAD: readonly [string, Uint8Array | Files, RegExp][] = [
  ["a truncated tar file", TAR.subarray(0, 15_000), /damaged/],
  ["a truncated gzip file", GZIP.subarray(0, 15_000), /damaged/],
  ["a damaged gzip file", GZIP.map((byte, i) => i === 12_000 ? byte ^ 255 : byte), NAMES_NOTHING],
  ["a layer with another digest", changed(GOOD, { [LAYER!]: flipped(LAYER!) }), /wrong content/],
  ["a config with another digest", changed(GOOD, { [CONFIG!]: flipped(CONFIG!) }), /wrong content/],
  [
    "a manifest with another digest",
    changed(GOOD, { [MANIFEST]: flipped(MANIFEST) }),
    /wrong content/,
  ],
  ["a missing layer", changed(GOOD, { [LAYER!]: undefined }), new RegExp(`${LAYER} is missing`)],
  ["a missing config", changed(GOOD, { [CONFIG!]: undefined }), new RegExp(`${CONFIG} is missing`)],
  [
    "a missing manifest",
    changed(GOOD, { [MANIFEST]: undefined }),
    new RegExp(`${MANIFEST} is missing`),
  ],
  [
    "a layer of another size",
    changed(GOOD, { [LAYER!]: utf8("short") }),
    /5 bytes instead of 20000/,
  ],
  ["an index that is not JSON", changed(GOOD, { "index.json": utf8("{") }), /index.json/],
  [
    "an index with a bad digest",
    changed(GOOD, {
      "index.json": utf8(JSON.stringify({
        manifests: [{ mediaType: MEDIA_TYPES.ociManifest, digest: "sha256:../../x", size: 1 }],
      })),
    }),
    /index.json/,
  ],
  [
    "an index over 4 MiB",
    changed(GOOD, { "index.json": new Uint8Array(4 * 1024 * 1024 + 1).fill(32) }),
    /4\.00 MiB/,
  ],
  [
    "a newer layout",
    changed(GOOD, { "oci-layout": utf8('{"imageLayoutVersion":"2.0.0"}') }),
    /oci-layout/,
  ],
  [
    "a path out of the tree",
    withMember(tarMember({ name: "../evil", content: "x" })),
    /"\.\.\/evil" has "\.\."/,
  ],
  ["an absolute path", withMember(tarMember({ name: "/etc/evil", content: "x" })), /absolute/],
  [
    "a link out of the tree",
    withMember(tarMember({ name: "a", type: "2", link: "../../etc/passwd" })),
    /links out/,
  ],
  [
    "a long link out of the tree",
    withMember(gnuLongMember({ link: `${"a/../".repeat(60)}../x` }, { name: "a", type: "2" })),
    /links out/,
  ],
  ["a device", withMember(tarMember({ name: "dev", type: "3" })), /character-device/],
  ["a named pipe", withMember(tarMember({ name: "pipe", type: "6" })), /fifo/],
  [
    "two files of one name",
    withMember(tarMember({ name: "index.json", content: "{}" })),
    /two files/,
  ],
  ["a Docker archive with another layer", dockerArchiveWith("layer.tar", "other"), /is sha256:/],
  [
    "a Docker archive without a layer",
    dockerArchiveWith("layer.tar", undefined),
    /layer.tar is missing/,
  ],
  [
    "a Docker archive whose list is no list",
    tarOf({ name: "manifest.json", content: "{}" }),
    /manifest.json/,
  ],
];

function dockerArchiveWith(name: string, content: string | undefined): Uint8Array {
  const config = utf8(JSON.stringify({ rootfs: { diff_ids: [digestOf(utf8("layer"))] } }));
  const manifest = JSON.stringify([{ Config: "c.json", RepoTags: ["app:1"], Layers: [name] }]);
  return tarOf(
    ...content === undefined ? [] : [{ name, content }],
    { name: "c.json", content: config },
    { name: "manifest.json", content: manifest },
  );
}

for (const [name, bundle, message] of BAD) {
  Deno.test(`import refuses ${name}, and nothing of it is visible`, async () => {
    using home = new Home();
    const path = bundle instanceof Uint8Array
      ? home.file("bundle", bundle)
      : home.folder("bundle", bundle);
    const { code, stderr } = await home.larder("import", path);
    assert.equal(code, 5, stderr);
    assert.match(stderr, /\[LDR_BAD_BUNDLE\]/);
    assert.match(stderr, message);
    home.assertNothingVisible();
    // The same command with a good bundle works then.
    await home.imported(home.folder("good", GOOD));
  });
}

Deno.test("import refuses a folder whose blobs are reached through links", async () => {
  using home = new Home();
  const path = home.folder("bundle", GOOD);
  const outside = join(home.path, "outside");
  Deno.renameSync(join(path, "blobs"), outside);
  Deno.symlinkSync(outside, join(path, "blobs"));
  const { code, stderr } = await home.larder("import", path);
  assert.equal(code, 5, stderr);
  assert.match(stderr, /leads out/);
  home.assertNothingVisible();
});

Deno.test("import leaves what no manifest declares out of the cache", async () => {
  using home = new Home();
  const extra = randomBytes(5000, "extra");
  const files = changed(GOOD, { [blobFile(digestOf(extra))]: extra, "notes.txt": utf8("hello") });
  await home.imported(home.file("bundle.tar", tarFileOf(files)));
  assert(!filesBelow(home.registry).some((path) => path.endsWith(digestOf(extra))));
});

Deno.test("import adds nothing of several images if one is damaged", async () => {
  using home = new Home();
  const files = layoutOf({ artifact: BIG, name: NAME }, { artifact: ONE, name: "other:1" });
  const last = blobFile(ONE.blobs[2]!.descriptor.digest);
  const path = home.folder("bundle", changed(files, { [last]: utf8("eno") }));
  const { code, stderr } = await home.larder("import", path);
  assert.equal(code, 5, stderr);
  home.assertNothingVisible();
});

Deno.test("import asks for names that a bundle does not have", async (t) => {
  const digest = ONE.descriptor.digest;
  const both = [{ artifact: ONE, name: "v1" }, { artifact: BIG, name: "v2" }];
  const cases: [string, Files, string[], number, RegExp][] = [
    ["no name", layoutOf({ artifact: ONE }), [], 2, /has no name .*--as NAME\n/s],
    ["a tag alone", layoutOf({ artifact: ONE, name: "v1" }), [], 2, /only the tag "v1"/],
    [
      "a digest, as in Apptainer's cache",
      layoutOf({ artifact: ONE, name: digest.slice(7) }),
      [],
      2,
      /no name/,
    ],
    ["--as", layoutOf({ artifact: ONE }), ["--as", "a:1"], 0, /library\/a:1@/],
    ["--as renames", layoutOf({ artifact: ONE, name: NAME }), ["--as", "a:1"], 0, /library\/a:1@/],
    [
      "--as with tags of several",
      layoutOf(...both),
      ["--as", "x.io/a"],
      0,
      /x\.io\/a:v1@.*x\.io\/a:v2@/s,
    ],
    ["--as with a tag for several", layoutOf(...both), ["--as", "x.io/a:1"], 2, /has 2 images/],
    [
      "--as chooses one of several",
      layoutOf(...both),
      ["--as", `x.io/a:1@${digest}`],
      0,
      /^x\.io\/a:1@\S+\n$/,
    ],
    [
      "--as chooses none",
      layoutOf(...both),
      ["--as", `a@${digestOf(utf8(""))}`],
      2,
      /has no image/,
    ],
    ["a bad name", layoutOf({ artifact: ONE, name: "a:b:c" }), [], 2, /LDR_BAD_REFERENCE/],
    ["a bad --as", layoutOf({ artifact: ONE }), ["--as", "A/"], 2, /LDR_BAD_REFERENCE/],
    [
      "a name with another digest",
      layoutOf({ artifact: ONE, name: `a@${digestOf(utf8(""))}` }),
      [],
      5,
      /is sha256/,
    ],
    [
      "one name for two images",
      layoutOf({ artifact: ONE, name: NAME }, { artifact: BIG, name: NAME }),
      [],
      5,
      /twice/,
    ],
  ];
  for (const [name, files, options, code, text] of cases) {
    await t.step(name, async () => {
      using home = new Home();
      const result = await home.larder("import", home.folder("layout", files), ...options);
      assert.equal(result.code, code, result.stderr);
      assert.match(code === 0 ? result.stdout : result.stderr, text);
    });
  }
});

Deno.test("import replaces a tag, and keeps the last check of one that it does not change", async () => {
  using home = new Home();
  home.pulled(NAME, ONE);
  await home.imported(home.folder("same", layoutOf({ artifact: ONE, name: NAME })));
  const record = () =>
    JSON.parse(
      Deno.readTextFileSync(join(home.registry, "manifests/ghcr.io/acme/app/v1/record.json")),
    );
  assert.equal(record().checkedAt, new Date(home.now).toISOString());
  const stdout = await home.imported(home.folder("new", GOOD));
  assert.equal(stdout, `${NAME}@${BIG.descriptor.digest}\n`);
  assert.equal(record().checkedAt, "1970-01-01T00:00:00.000Z");
});

Deno.test("import adds an app with the archive that it unpacks", async () => {
  using home = new Home();
  const app = await spinApp();
  await home.imported(home.folder("layout", layoutOf({ artifact: app, name: NAME })));
  const verify = await home.larder("verify");
  assert.equal(verify.code, 0, verify.stdout);
});

Deno.test("import refuses an app whose archive leads out of the tree", async () => {
  using home = new Home();
  const bad = blob(
    new Uint8Array(gzipSync(tarOf({ name: "../x", content: "x" }))),
    MEDIA_TYPES.spinArchive,
  );
  const app = image([bad, blob("{}", MEDIA_TYPES.spinApplication)]);
  const { code, stderr } = await home.larder(
    "import",
    home.folder("layout", layoutOf({ artifact: app, name: NAME })),
  );
  assert.equal(code, 5, stderr);
  assert.match(stderr, /LDR_BAD_BUNDLE.*\n|bad archive/);
  home.assertNothingVisible();
});

Deno.test("import reads Spin's cache, leaves out what Spin did not complete, and the app is complete", async () => {
  using home = new Home();
  const app = await spinApp();
  const spin = join(home.path, "spin/registry");
  writeAsSpin(spin, "ghcr.io/acme/hello:v1", app);
  const broken = writeAsSpin(
    spin,
    "ghcr.io/acme/broken:v1",
    image([blob("gone", MEDIA_TYPES.spinWasm)]),
  );
  Deno.removeSync(broken.files[0]!);
  const before = filesBelow(spin).map((path) => [path, Deno.statSync(path).mtime!.getTime()]);
  const { code, stdout, stderr } = await home.larder("import", join(home.path, "spin"));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ghcr\.io\/acme\/hello:v1@sha256:\w+\n$/);
  assert.match(stderr, /left out ghcr\.io\/acme\/broken:v1/);
  assertStoreSound(home.registry);
  assert.equal((await home.larder("pull", "--offline", "ghcr.io/acme/hello:v1")).code, 0);
  assert.equal((await home.larder("verify")).code, 0);
  assert.deepEqual(
    filesBelow(spin).map((path) => [path, Deno.statSync(path).mtime!.getTime()]),
    before,
  );
});

Deno.test("import refuses a Spin cache with a damaged file, and the cache that it would import into", async () => {
  using home = new Home();
  const { files } = writeAsSpin(join(home.path, "spin/registry"), NAME, await spinApp());
  const { size } = Deno.statSync(files[0]!);
  Deno.writeFileSync(files[0]!, new Uint8Array(size));
  const damaged = await home.larder("import", join(home.path, "spin"));
  assert.equal(damaged.code, 5, damaged.stderr);
  home.assertNothingVisible();
  home.pulled(NAME, ONE);
  assert.equal((await home.larder("import", home.registry)).code, 2);
});

Deno.test("import makes a build of a file, the same one each time", async () => {
  using home = new Home();
  const file = home.file("disk.img", randomBytes(3000));
  const nameless = await home.larder("import", file);
  assert.equal(nameless.code, 2);
  assert.match(nameless.stderr, /--as NAME/);
  const first = await home.imported(file, "--as", "my-disk");
  assert.match(first, /^my-disk@sha256:[0-9a-f]{64}\n$/);
  assert.equal(await home.imported(file, "--as", "my-disk"), first);
  const out = join(home.path, "out.img");
  assert.equal((await home.larder("export", "my-disk", out)).code, 0);
  assert.deepEqual(Deno.readFileSync(out), Deno.readFileSync(file));
  assert.equal((await home.larder("import", file, "--as", "a/b")).code, 2);
});

Deno.test("import brings packages and builds with their records, and refuses another package of one version", async () => {
  using home = new Home();
  const content = (text: string) => blob(text, "application/octet-stream");
  home.package("deb/hello/2.10-3/amd64", content("the package"));
  home.build("rootfs", digestOf(utf8("spec")), content("the build"));
  const path = join(home.path, "all.tar");
  assert.equal((await home.larder("export", "*", path)).code, 0);
  using other = new Home();
  assert.equal((await other.larder("import", path)).code, 0);
  const names = (await other.larder("list", "--format", "{{name}}")).stdout;
  assert.match(names, /hello/);
  assert.match(names, /rootfs@/);
  using third = new Home();
  third.package("deb/hello/2.10-3/amd64", content("another package"));
  const conflict = await third.larder("import", path);
  assert.equal(conflict.code, 5, conflict.stderr);
  assert.match(conflict.stderr, /LDR_DIGEST_MISMATCH/);
  assert(!(await third.larder("list", "--format", "{{name}}")).stdout.includes("rootfs"));
});

Deno.test("import verifies the digest of a bundle with sha512", async () => {
  using home = new Home();
  const layer = utf8("layer");
  const digest = `sha512:${createHash("sha512").update(layer).digest("hex")}`;
  const artifact = image([blob(layer, MEDIA_TYPES.ociLayer, { digest })]);
  await home.imported(home.folder("layout", layoutOf({ artifact, name: NAME })));
  assert(filesBelow(home.registry).some((path) => path.endsWith(digest)));
});

Deno.test("import says what is missing of a path that is no bundle", async (t) => {
  using home = new Home();
  const cases: [string, string, number][] = [
    ["nothing", join(home.path, "nothing"), 3],
    ["an empty folder", home.folder("empty", new Map([["a", utf8("")]])), 5],
    ["an empty file", home.file("empty.tar", new Uint8Array()), 2],
    ["a text", home.file("text", utf8("text ".repeat(200))), 2],
    ["a tar file of something else", home.file("x.tar", tarOf({ name: "a", content: "b" })), 2],
  ];
  for (const [name, path, code] of cases) {
    await t.step(name, async () => {
      const result = await home.larder("import", path);
      assert.equal(result.code, code, result.stderr);
      home.assertNothingVisible();
    });
  }
});
