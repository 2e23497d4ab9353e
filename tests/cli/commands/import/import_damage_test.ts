import assert from "node:assert/strict";
import { join } from "node:path";
import * as zlib from "node:zlib";
import {
  blob,
  digestOf,
  image,
  MEDIA_TYPES,
  randomBytes,
  utf8,
} from "../../../support/cache/artifacts.ts";
import {
  blobFile,
  type Files,
  layoutOf,
  membersOf,
  tarFileOf,
} from "../../../support/cache/image_layouts.ts";
import { filesBelow } from "../../../support/cache/store_check.ts";
import { BIG, ImportHome, NAME, ONE } from "../../../support/cache/import_home.ts";
import { gnuLongMember, paxMember, tarMember, tarOf } from "../../../support/tar_writer.ts";

/** Returns a layout with some files replaced or removed. */
function changed(files: Files, changes: Record<string, Uint8Array | undefined>): Files {
  const copy: Files = new Map(files);
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes) copy.set(name, bytes);
    else copy.delete(name);
  }
  return copy;
}

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
const GZIP = new Uint8Array(zlib.gzipSync(TAR));
const NAMES_NOTHING = /./;

/** Returns a bundle with a package or build whose record has these members. */
function withRecord(type: "package" | "build", members: object): Files {
  const file = blob("file", "application/octet-stream");
  const record = {
    ...{ schemaVersion: 1, createdAt: "2026-01-01T00:00:00Z", ...file.descriptor },
    ...{ source: "s", name: "n", version: "1", arch: "any", specification: digestOf(utf8("key")) },
    ...members,
  };
  const config = blob(JSON.stringify(record), `application/vnd.larder.${type}.v1+json`);
  return layoutOf({ artifact: image([file], { config }), name: "n" });
}

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
  [
    "a layer that expands past its size",
    new Uint8Array(zlib.gzipSync(tarFileOf(changed(GOOD, { [LAYER!]: new Uint8Array(8e6) })))),
    /8000000 bytes instead of 20000/,
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
  [
    "a file and a link of one name",
    withMember(tarMember({ name: "index.json", type: "2", link: "oci-layout" })),
    /two files/,
  ],
  [
    "names that fill the memory",
    withMember(
      paxMember({ path: "n".repeat(4_000_000) }, { name: "a", type: "5" }, true),
      ...Array(9).fill(paxMember({ mtime: "0" }, { name: "a", type: "5" })),
    ),
    /names of its members exceed 32/,
  ],
  ["a build whose name is two lines", withRecord("build", { name: "a\n\x1b[31mb" }), /not valid/],
  ["a build whose name is a pattern", withRecord("build", { name: "*" }), /not valid/],
  ["a package with control characters", withRecord("package", { name: "a\x1bb" }), /not valid/],
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
    using home = new ImportHome();
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

/** 2 GiB of a tar file in 64 KiB of zstd: the header of a member in a raw block, and then blocks of zeros. */
function zstdBomb(): Uint8Array {
  const header = tarMember({ name: "blobs", content: "" }).subarray(0, 512);
  const zeros = 128 * 1024;
  const block = (type: number, size: number) => {
    const bits = (size << 3) | (type << 1);
    return [bits & 255, (bits >> 8) & 255, bits >> 16];
  };
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3, ...block(0, header.length), ...header];
  for (let size = 0; size < 2 ** 31; size += zeros) frame.push(...block(1, zeros), 0);
  return Uint8Array.from(frame);
}

Deno.test("import stops reading an archive that expands without end", async () => {
  using home = new ImportHome();
  const { code, stderr } = await home.larder("import", home.file("bomb.tar.zst", zstdBomb()));
  home.assertNothingVisible();
  if (typeof zlib.createZstdDecompress !== "function") {
    assert.match(stderr, /this build of larder has no zstd/);
    return;
  }
  assert.equal(code, 5, stderr);
  assert.match(stderr, /its 64\.\d+ KiB expand to more than 1\.00 GiB \[LDR_BAD_BUNDLE\]/);
});

Deno.test("import refuses a folder whose blobs are reached through links", async () => {
  using home = new ImportHome();
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
  using home = new ImportHome();
  const extra = randomBytes(5000, "extra");
  const files = changed(GOOD, { [blobFile(digestOf(extra))]: extra, "notes.txt": utf8("hello") });
  await home.imported(home.file("bundle.tar", tarFileOf(files)));
  assert(!filesBelow(home.registry).some((path) => path.endsWith(digestOf(extra))));
});

Deno.test("import adds nothing of several images if one is damaged", async () => {
  using home = new ImportHome();
  const files = layoutOf({ artifact: BIG, name: NAME }, { artifact: ONE, name: "other:1" });
  const last = blobFile(ONE.blobs[2]!.descriptor.digest);
  const path = home.folder("bundle", changed(files, { [last]: utf8("eno") }));
  const { code, stderr } = await home.larder("import", path);
  assert.equal(code, 5, stderr);
  home.assertNothingVisible();
});
