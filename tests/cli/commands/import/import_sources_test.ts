import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  blob,
  digestOf,
  image,
  MEDIA_TYPES,
  randomBytes,
  utf8,
} from "../../../support/cache/artifacts.ts";
import { layoutOf } from "../../../support/cache/image_layouts.ts";
import { spinApp } from "../../../support/cache/spin_apps.ts";
import { assertStoreSound, filesBelow } from "../../../support/cache/store_check.ts";
import { writeAsSpin } from "../../../support/cache/test_cache.ts";
import { ImportHome, NAME, ONE } from "../../../support/cache/import_home.ts";
import { tarOf } from "../../../support/tar_writer.ts";

Deno.test("import reads Spin's cache, leaves out what Spin did not complete, and the app is complete", async () => {
  using home = new ImportHome();
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

Deno.test("import says how to read what is no bundle but holds images", async () => {
  using home = new ImportHome();
  const skopeo = join(home.path, "dir");
  Deno.mkdirSync(skopeo);
  Deno.writeTextFileSync(join(skopeo, "version"), "Directory Transport Version: 1.1\n");
  Deno.writeTextFileSync(join(skopeo, "manifest.json"), '{"schemaVersion":2}');
  const apptainer = join(home.path, "cache");
  Deno.mkdirSync(join(apptainer, "blob"), { recursive: true });
  Deno.writeTextFileSync(join(apptainer, "blob/index.json"), "{}");
  const cases: [string, RegExp][] = [
    [skopeo, /skopeo's dir: format; skopeo copy dir:FOLDER oci:OTHER:NAME/],
    [apptainer, /hint: larder import \S+blob reads the images of Apptainer's cache/],
  ];
  for (const [path, hint] of cases) {
    const { code, stderr } = await home.larder("import", path);
    assert.equal(code, 5);
    assert.match(stderr, hint);
  }
});

Deno.test("import refuses a Spin cache with a damaged file, and the cache that it would import into", async () => {
  using home = new ImportHome();
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
  using home = new ImportHome();
  const file = home.file("disk.img", randomBytes(3000));
  assert.match(await home.imported(file), /^disk@sha256:[0-9a-f]{64}\n$/);
  const first = await home.imported(file, "--as", "my-disk");
  assert.match(first, /^my-disk@sha256:[0-9a-f]{64}\n$/);
  assert.equal(await home.imported(file, "--as", "my-disk"), first);
  const out = join(home.path, "out.img");
  assert.equal((await home.larder("export", "my-disk", out)).code, 0);
  assert.deepEqual(Deno.readFileSync(out), Deno.readFileSync(file));
  assert.equal((await home.larder("import", file, "--as", "a/b")).code, 2);
});

Deno.test("import brings packages and builds with their records, and refuses another package of one version", async () => {
  using home = new ImportHome();
  const content = (text: string) => blob(text, "application/octet-stream");
  home.package("deb/hello/2.10-3/amd64", content("the package"));
  home.build("rootfs", digestOf(utf8("spec")), content("the build"));
  const path = join(home.path, "all.tar");
  assert.equal((await home.larder("export", "*", path)).code, 0);
  using other = new ImportHome();
  assert.equal((await other.larder("import", path)).code, 0);
  const names = (await other.larder("list", "--format", "{{name}}")).stdout;
  assert.match(names, /hello/);
  assert.match(names, /rootfs@/);
  using third = new ImportHome();
  third.package("deb/hello/2.10-3/amd64", content("another package"));
  const conflict = await third.larder("import", path);
  assert.equal(conflict.code, 5, conflict.stderr);
  assert.match(conflict.stderr, /LDR_DIGEST_MISMATCH/);
  assert(!(await third.larder("list", "--format", "{{name}}")).stdout.includes("rootfs"));
});

Deno.test("import verifies the digest of a bundle with sha512", async () => {
  using home = new ImportHome();
  const layer = utf8("layer");
  const digest = `sha512:${createHash("sha512").update(layer).digest("hex")}`;
  const artifact = image([blob(layer, MEDIA_TYPES.ociLayer, { digest })]);
  await home.imported(home.folder("layout", layoutOf({ artifact, name: NAME })));
  assert(filesBelow(home.registry).some((path) => path.endsWith(digest)));
});

Deno.test("import says what is missing of a path that is no bundle", async (t) => {
  using home = new ImportHome();
  const cases: [string, string, number][] = [
    ["an empty path", "", 2],
    ["a device", "/dev/null", 2],
    ["nothing", join(home.path, "nothing"), 3],
    ["an empty folder", home.folder("empty", new Map([["a", utf8("")]])), 5],
    ["an empty file", home.file("empty.tar", new Uint8Array()), 2],
    ["a file whose name no build can have", home.file("ü.img", utf8("text")), 2],
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
