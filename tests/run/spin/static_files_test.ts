import type { MountedFolder } from "../../../src/run/wasi/filesystem/tree_volume.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { mountTree } from "../../../src/run/spin/static_files.ts";
import { digestOf, utf8 } from "../../support/cache/artifacts.ts";
import { spinComponent, SUBJECT } from "../../support/cache/locked_apps.ts";

const digest = (text: string) => digestOf(utf8(text));

/** A cache that has every blob but that of `missing`, with sizes that tell them apart. */
function locate(blob: Digest) {
  return blob === digest("missing") ? undefined : { hostPath: `/cache/${blob}`, size: 7 };
}

function mount(files: readonly unknown[]): MountedFolder {
  return mountTree(spinComponent({ files }), locate, SUBJECT);
}

/** A tree as paths and what is there. */
function listing(folder: MountedFolder, prefix = ""): [string, unknown][] {
  return [...folder.entries].flatMap(([name, entry]): [string, unknown][] =>
    entry.kind === "folder"
      ? listing(entry, `${prefix}${name}/`)
      : [[`${prefix}${name}`, { size: entry.size, ...entry.content }]]
  );
}

const file = (path: string, members: Record<string, unknown> = { inline: "" }) => ({
  path,
  ...members,
});

Deno.test("files stand in folders, with the blob or the bytes that they have", () => {
  const tree = mount([
    file("index.html", { digest: digest("index") }),
    file("img/icons/a.png", { digest: digest("a") }),
    file("/img/logo.png", { inline: "aGk", digest: digest("hi") }),
    file("img/padded", { inline: "aGk=" }),
    file("img/numbers", { inline: [0, 255] }),
    file("empty", { inline: "" }),
    file("again", { inline: null, digest: digest("index") }),
  ]);
  const index = { size: 7, hostPath: `/cache/${digest("index")}` };
  assert.deepEqual(listing(tree), [
    ["index.html", index],
    ["img/icons/a.png", { size: 7, hostPath: `/cache/${digest("a")}` }],
    ["img/logo.png", { size: 2, bytes: utf8("hi") }],
    ["img/padded", { size: 2, bytes: utf8("hi") }],
    ["img/numbers", { size: 2, bytes: new Uint8Array([0, 255]) }],
    ["empty", { size: 0, bytes: new Uint8Array() }],
    ["again", index],
  ]);
});

Deno.test("a component without files has an empty root", () => {
  assert.deepEqual(mount([]), { kind: "folder", entries: new Map() });
});

Deno.test("names that only look bad are names", () => {
  const names = [
    "...",
    "..a",
    "a..",
    ".hidden",
    "a b",
    "ä",
    "C:",
    "__proto__",
    "constructor",
    "%2e",
  ];
  const tree = mount(names.map((name) => file(`${name}/${name}`)));
  assert.deepEqual(listing(tree).map(([path]) => path), names.map((name) => `${name}/${name}`));
});

const BAD_PATHS: [path: string, reason: RegExp][] = [
  ["../secret", /leaves the mount/],
  ["a/../../secret", /leaves the mount/],
  ["/../secret", /leaves the mount/],
  ["a/..", /leaves the mount/],
  ["..", /leaves the mount/],
  ["a/b/../c", /leaves the mount/],
  ["..\\secret", /backslash/],
  ["a\\..\\..\\secret", /backslash/],
  ["C:\\secret", /backslash/],
  ["\\\\host\\share", /backslash/],
  ["a\0b", /no file can have/],
  ["a\ud800b", /no file can have/],
  ["", /an empty part/],
  ["/", /an empty part/],
  ["//a", /an empty part/],
  ["a//b", /an empty part/],
  ["a/", /an empty part/],
  [".", /a dot/],
  ["./a", /a dot/],
  ["a/./b", /a dot/],
];

for (const [path, reason] of BAD_PATHS) {
  Deno.test(`a static file path is refused: ${JSON.stringify(path)}`, () => {
    assert.throws(
      () => mount([file("good"), file(path)]),
      (error) =>
        hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message) &&
        error.message.includes(SUBJECT) && error.message.includes('of the component "cart"') &&
        (/[\0\ud800]/.test(path) || error.message.includes(`"${path}"`)),
    );
  });
}

const CLASHES: [name: string, paths: string[], reason: RegExp][] = [
  ["two files of one path", ["a/b", "a/b"], /"a\/b" .* is there twice/],
  ["two files whose paths differ in a slash", ["a", "/a"], /"\/a" .* is there twice/],
  ["a file in the place of a folder", ["a/b", "a"], /"a" .* is a folder as well/],
  ["a file below a file", ["a", "a/b/c"], /"a\/b\/c" .* is below "a", which is a file/],
];

for (const [name, paths, reason] of CLASHES) {
  Deno.test(`static files are refused: ${name}`, () => {
    assert.throws(
      () => mount(paths.map((path) => file(path))),
      (error) => hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message),
    );
  });
}

Deno.test("a file that the cache does not have is told with its digest, and to be pulled again", () => {
  assert.throws(
    () => mount([file("img/logo.png", { digest: digest("missing") })]),
    (error) =>
      hasCode(error, "LDR_NOT_CACHED") && error.message.includes('"img/logo.png"') &&
      error.message.includes(digest("missing")) && error.message.includes(SUBJECT) &&
      error.hint.startsWith("pull it again"),
  );
});

const BAD_CONTENT: [name: string, members: Record<string, unknown>, reason: RegExp][] = [
  ["neither digest nor content", { source: "file:///etc/passwd" }, /neither a digest nor content/],
  ["content that is not base64", { inline: "a*b=" }, /not in base64/],
  ["content cut off within a byte", { inline: "a" }, /not in base64/],
];

for (const [name, members, reason] of BAD_CONTENT) {
  Deno.test(`a static file is refused: ${name}`, () => {
    assert.throws(
      () => mount([file("x", members)]),
      (error) => hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message),
    );
  });
}

Deno.test("whatever the paths are, a tree has safe names and all files, or it is refused", () => {
  const segment = fc.constantFrom("a", "b", "..", ".", "", "a\\b", "c\0", "é");
  const paths = fc.array(fc.array(segment, { maxLength: 4 }).map((parts) => parts.join("/")));
  fc.assert(
    fc.property(paths, (paths) => {
      let tree;
      try {
        tree = mount(paths.map((path) => file(path)));
      } catch (error) {
        assert(hasCode(error, "LDR_BAD_MANIFEST"), String(error));
        return;
      }
      const found = listing(tree).map(([path]) => path);
      assert.deepEqual(found.toSorted(), paths.map((path) => path.replace(/^\//, "")).sort());
      for (const path of found) {
        assert(path.split("/").every((name) => !["", ".", ".."].includes(name)), path);
        assert(!/[\\\0]/.test(path), path);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("a tree can be sent to another thread", () => {
  const tree = mount([file("a/b", { inline: "aGk" }), file("c", { digest: digest("c") })]);
  assert.deepEqual(structuredClone(tree), tree);
});
