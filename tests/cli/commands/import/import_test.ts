import assert from "node:assert/strict";
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
  utf8,
  wasmArtifact,
} from "../../../support/cache/artifacts.ts";
import { layoutOf, membersOf, tarFileOf } from "../../../support/cache/image_layouts.ts";
import { spinApp } from "../../../support/cache/spin_apps.ts";
import { filesBelow } from "../../../support/cache/store_check.ts";
import { BIG, ImportHome, NAME, ONE } from "../../../support/cache/import_home.ts";
import { tarMember, tarOf } from "../../../support/tar_writer.ts";

Deno.test("import adds the images of a layout under their names, and pull --offline finds them", async () => {
  using home = new ImportHome();
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
      using home = new ImportHome();
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

interface Root {
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string | undefined>>;
}

Deno.test("import takes a manifest for a document whatever white space and marks it begins with", async () => {
  using home = new ImportHome();
  for (const lead of ["\ufeff", " ".repeat(1_100_000)]) { // More than a chunk of the archive.
    const bytes = utf8(lead + new TextDecoder().decode(ONE.bytes));
    const descriptor = { ...ONE.descriptor, digest: digestOf(bytes), size: bytes.length };
    const artifact = { ...ONE, bytes, descriptor };
    const path = home.file("layout.tar", tarFileOf(layoutOf({ artifact, name: NAME })));
    const { stdout, stderr } = await home.larder("import", path);
    assert.equal(stdout, `${NAME}@${descriptor.digest}\n`, stderr);
  }
});

Deno.test("import and export keep the digests of any images", async () => {
  const bundles = fc.uniqueArray(ARTIFACTS, {
    minLength: 1,
    maxLength: 4,
    selector: (artifact) => artifact.descriptor.digest,
  });
  const property = fc.asyncProperty(bundles, fc.boolean(), async (artifacts, isArchive) => {
    using home = new ImportHome();
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
    const { manifests: roots } = JSON.parse(
      Deno.readTextFileSync(join(home.path, "out", "index.json")),
    ) as { manifests: Root[] };
    // The OCI forms of Docker's manifests come on top.
    const written = roots.map(({ digest }) => `blobs/${digest.replace(":", "/")}`);
    const given = [...files.keys()].filter((name) => name.startsWith("blobs/"));
    assert.deepEqual(out, new Set([...given, ...written]));
    assert.deepEqual(
      roots.map(({ digest, annotations }) =>
        annotations["dev.larder.index"] ?? annotations["dev.larder.original"] ?? digest
      ),
      artifacts.map(({ descriptor }) => descriptor.digest),
    );
  });
  await fc.assert(property, { numRuns: 15 });
});

Deno.test("import takes an index that has one of its platforms, as Docker saves it", async () => {
  using home = new ImportHome();
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
  using home = new ImportHome();
  const whole = multiPlatform(HOST_PLATFORM, "linux/s390x");
  home.pulled(NAME, { ...whole, children: whole.children.slice(0, 1) });
  const path = join(home.path, "out.tar");
  assert.equal((await home.larder("export", NAME, path)).code, 0);
  using other = new ImportHome();
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
      using home = new ImportHome();
      const stdout = await home.imported(home.file("saved.tar", bytes), ...options);
      assert.deepEqual(stdout.trim().split("\n").map((line) => line.split("@")[0]), names);
      assert.equal((await home.larder("pull", "--offline", names[0]!)).code, 0);
    });
  }
});

Deno.test("import makes the same manifest of the same archive of Docker", async () => {
  using home = new ImportHome();
  const once = await home.imported(home.file("a.tar", dockerArchive(["app:1"])));
  const again = await home.imported(home.file("b.tar", dockerArchive(["app:1"], { linked: true })));
  assert.equal(again, once);
});

Deno.test("import replaces a tag, and keeps the last check of one that it does not change", async () => {
  using home = new ImportHome();
  home.pulled(NAME, ONE);
  await home.imported(home.folder("same", layoutOf({ artifact: ONE, name: NAME })));
  const record = () =>
    JSON.parse(
      Deno.readTextFileSync(join(home.registry, "manifests/ghcr.io/acme/app/v1/record.json")),
    );
  assert.equal(record().checkedAt, new Date(home.now).toISOString());
  const stdout = await home.imported(home.folder("new", layoutOf({ artifact: BIG, name: NAME })));
  assert.equal(stdout, `${NAME}@${BIG.descriptor.digest}\n`);
  assert.equal(record().checkedAt, "1970-01-01T00:00:00.000Z");
});

Deno.test("import adds an app with the archive that it unpacks", async () => {
  using home = new ImportHome();
  const app = await spinApp();
  await home.imported(home.folder("layout", layoutOf({ artifact: app, name: NAME })));
  const verify = await home.larder("verify");
  assert.equal(verify.code, 0, verify.stdout);
});

Deno.test("import refuses an app whose archive leads out of the tree", async () => {
  using home = new ImportHome();
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
