import fc from "fast-check";
import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { mountTree } from "../../../src/run/spin/static_files.ts";
import type { MountedFolder } from "../../../src/run/wasi/filesystem/tree_volume.ts";
import { digestOf, utf8 } from "../../support/cache/artifacts.ts";
import { spinComponent, SUBJECT } from "../../support/cache/locked_apps.ts";

const digest = (text: string) => digestOf(utf8(text));

/** Locates every blob except that of `missing`. */
function locate({ digest: blob }: { digest?: Digest | undefined }) {
  if (blob === undefined || blob === digest("missing")) return undefined;
  return { hostPath: `/cache/${blob}`, size: 7 };
}

function mount(files: readonly unknown[]): MountedFolder {
  return mountTree(spinComponent({ files }), locate, SUBJECT);
}

/** Returns the paths of a tree and their contents. */
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

Deno.test("mountTree puts files into folders, with their blobs or bytes", () => {
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

Deno.test("mountTree returns an empty root for a component without files", () => {
  assert.deepEqual(mount([]), { kind: "folder", entries: new Map() });
});

Deno.test("mountTree accepts unusual names", () => {
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
  ["..\\secret", /leaves the mount/],
  ["a\\..\\..\\secret", /leaves the mount/],
  ["\\\\host\\share", /an empty segment/],
  ["a\0b", /no file can have/],
  ["a\ud800b", /no file can have/],
  ["", /an empty segment/],
  ["/", /an empty segment/],
  ["//a", /an empty segment/],
  ["a//b", /an empty segment/],
  ["a/", /an empty segment/],
  [".", /"\."/],
  ["./a", /"\."/],
  ["a/./b", /"\."/],
];

for (const [path, reason] of BAD_PATHS) {
  Deno.test(`mountTree refuses the path ${JSON.stringify(path)}`, () => {
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
  ["two files with one path", ["a/b", "a/b"], /"a\/b" .* is listed twice/],
  ["two files whose paths differ in a slash", ["a", "/a"], /"\/a" .* is listed twice/],
  ["a file with the path of a folder", ["a/b", "a"], /"a" .* is also a folder/],
  ["a file below a file", ["a", "a/b/c"], /"a\/b\/c" .* is below "a", which is a file/],
];

for (const [name, paths, reason] of CLASHES) {
  Deno.test(`mountTree refuses ${name}`, () => {
    assert.throws(
      () => mount(paths.map((path) => file(path))),
      (error) => hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message),
    );
  });
}

Deno.test("mountTree names a file that is not cached, and its digest", () => {
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
  ["content that is not base64", { inline: "a*b=" }, /is not base64/],
  ["content that is truncated base64", { inline: "a" }, /is not base64/],
];

for (const [name, members, reason] of BAD_CONTENT) {
  Deno.test(`mountTree refuses a file with ${name}`, () => {
    assert.throws(
      () => mount([file("x", members)]),
      (error) => hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message),
    );
  });
}

Deno.test("mountTree takes the separator of Windows for one", () => {
  const tree = mount([file("sub\\dir\\x"), file("sub/dir/y"), file("\\z")]);
  assert.deepEqual(listing(tree).map(([path]) => path), ["sub/dir/x", "sub/dir/y", "z"]);
});

const asMounted = (path: string) => path.replaceAll("\\", "/").replace(/^\//, "");

Deno.test("mountTree returns a tree of all files with safe names, or refuses the files", () => {
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
      const mounted = listing(tree).map(([path]) => path);
      assert.deepEqual(mounted.toSorted(), paths.map(asMounted).sort());
      for (const path of mounted) {
        assert(path.split("/").every((name) => !["", ".", ".."].includes(name)), path);
        assert(!/[\\\0]/.test(path), path);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("mountTree returns a tree that can be cloned", () => {
  const tree = mount([file("a/b", { inline: "aGk" }), file("c", { digest: digest("c") })]);
  assert.deepEqual(structuredClone(tree), tree);
});
