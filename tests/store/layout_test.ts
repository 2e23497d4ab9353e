import assert from "node:assert/strict";
import { isAbsolute, join, relative, sep } from "node:path";
import fc from "fast-check";
import { parseDigest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { formatReference, parseReference } from "../../src/oci/reference.ts";
import { Layout } from "../../src/store/layout.ts";
import { MEDIA_TYPES } from "../support/cache/artifacts.ts";

const ROOT = join(sep, "cache", "registry");
const unix = new Layout(ROOT, { windows: false });
const windows = new Layout(ROOT, { windows: true });

const hex = "0a".repeat(32);
const digest = parseDigest(`sha256:${hex}`);
const sha512 = parseDigest(`sha512:${"0b".repeat(64)}`);
const reference = parseReference("localhost:5000/team/app:v1");

/** Name, function, expected path below the root, and the same on Windows. */
const PATHS: [string, (layout: Layout) => string, string, string][] = [
  ["data", (l) => l.tree("data"), "data", "data"],
  ["wasm", (l) => l.tree("wasm"), "wasm", "wasm"],
  ["manifests", (l) => l.manifests, "manifests", "manifests"],
  ["the lock file", (l) => l.lock, "lock", "lock"],
  ["a blob", (l) => l.blob("data", digest), `data/sha256:${hex}`, `data/sha256_${hex}`],
  [
    "a sha512 blob",
    (l) => l.blob("wasm", sha512),
    `wasm/${sha512}`,
    `wasm/sha512_${sha512.slice(7)}`,
  ],
  [
    "a Wasm blob",
    (l) => l.blobOf({ digest, mediaType: MEDIA_TYPES.wasm }),
    `wasm/sha256:${hex}`,
    `wasm/sha256_${hex}`,
  ],
  [
    "a blob that is not Wasm",
    (l) => l.blobOf({ digest, mediaType: MEDIA_TYPES.ociLayer }),
    `data/sha256:${hex}`,
    `data/sha256_${hex}`,
  ],
  [
    "a partial download",
    (l) => l.partial(digest),
    `partial/sha256:${hex}`,
    `partial/sha256_${hex}`,
  ],
  ["leases", (l) => l.leases, "leases", "leases"],
  [
    "a compiled entry",
    (l) => l.compiledFolder(digest, "jco-1.2.3+x"),
    `compiled/sha256:${hex}/jco-1.2.3+x`,
    `compiled/sha256_${hex}/jco-1.2.3+x`,
  ],
  [
    "the folder of a tag",
    (l) => l.tagFolder(reference, "v1"),
    "manifests/localhost:5000/team/app/v1",
    "manifests/localhost_5000/team/app/v1",
  ],
  [
    "the folder of a digest",
    (l) => l.digestFolder(reference, digest),
    `manifests/localhost:5000/team/app/sha256:${hex}`,
    `manifests/localhost_5000/team/app/sha256_${hex}`,
  ],
];

for (const [name, path, onUnix, onWindows] of PATHS) {
  Deno.test(`Layout: the path of ${name}`, () => {
    assert.equal(path(unix), join(ROOT, onUnix));
    assert.equal(path(windows), join(ROOT, onWindows));
  });
}

Deno.test("Layout.digestOfName reverses fileName, and returns undefined for other names", () => {
  for (const layout of [unix, windows]) {
    for (const each of [digest, sha512]) {
      assert.equal(layout.digestOfName(layout.fileName(each)), each);
    }
    for (const name of ["latest", `sha256:${hex}x`, "sha256_", `sha256-${hex}`, "", ".."]) {
      assert.equal(layout.digestOfName(name), undefined);
    }
  }
});

Deno.test("Layout.compiledFolder rejects a version of an engine that is not safe in a path", () => {
  for (
    const engine of ["", ".", "..", "a/b", "a\\b", "1.0.", ".1", "-1", "a b", "ä", "x".repeat(65)]
  ) {
    assert.throws(() => unix.compiledFolder(digest, engine), /not a version/, engine);
  }
});

Deno.test("Layout.digestOfName does not take a tag for the Windows name of a digest", () => {
  assert.equal(unix.digestOfName(`sha256_${hex}`), undefined);
});

for (const registry of ["docker.io", "localhost:5000", "[::1]:5000", "[fe80::1]", "127.0.0.1:80"]) {
  Deno.test(`Layout.registryOfName reverses fileName for ${registry}`, () => {
    for (const layout of [unix, windows]) {
      assert.equal(layout.registryOfName(layout.fileName(registry)), registry);
    }
    assert.doesNotMatch(windows.fileName(registry), /:/);
  });
}

Deno.test("Layout uses no characters that Windows forbids in names", () => {
  for (const [, path] of PATHS) {
    assert.doesNotMatch(relative(ROOT, path(windows)), /[<>:"|?*]/);
  }
});

const component = fc.stringMatching(/^[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/);
const names = fc.tuple(
  fc.constantFrom("docker.io", "localhost:5000", "[::1]:1", "a.b-c.d"),
  fc.array(component, { minLength: 2, maxLength: 4 }),
  tag,
).map(([registry, parts, tag]) => parseReference(`${registry}/${parts.join("/")}:${tag}`));

Deno.test("Layout.tagFolder gives each reference its own folder, inside the tree", () => {
  fc.assert(fc.property(names, names, fc.boolean(), (one, other, onWindows) => {
    const layout = onWindows ? windows : unix;
    const folder = layout.tagFolder(one, one.tag!);
    const below = relative(layout.manifests, folder);
    assert.ok(below !== "" && !isAbsolute(below) && !below.split(sep).includes(".."), folder);
    const same = layout.tagFolder(other, other.tag!) === folder;
    assert.equal(same, formatReference(one) === formatReference(other));
  }));
});

Deno.test("Layout: no folder of a tag or repository is where a file or the folder of a digest may be", () => {
  const files = ["manifest.json", "config.json", "record.json", "pin.json"]
    .flatMap((name) => [name, `${name}.tmp`, `${name}.01234567.tmp`]);
  for (const layout of [unix, windows]) {
    const taken = layout === windows ? [...files, `sha256_${hex}`] : files;
    const root = layout.repositoryFolder(reference);
    for (const name of taken) {
      const { repository } = reference;
      const below = { ...reference, repository: `${repository}/${name}` };
      for (const path of [layout.tagFolder(reference, name), layout.repositoryFolder(below)]) {
        assert.notEqual(path, join(root, name));
        assert.equal(layout.partOfName(relative(root, path)), name);
        assert.equal(layout.digestOfName(relative(root, path)), undefined);
      }
    }
  }
  assert.equal(
    relative(ROOT, unix.tagFolder(reference, "my.json")),
    join("manifests/localhost:5000/team/app/my.json"),
  );
});

Deno.test("Layout.blob gives each digest its own file", () => {
  fc.assert(fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
    const [a, b] = [digestOf(one), digestOf(other)];
    assert.equal(windows.blob("data", a) === windows.blob("data", b), a === b);
    assert.notEqual(unix.blob("data", a), unix.blob("wasm", a));
  }));
});
