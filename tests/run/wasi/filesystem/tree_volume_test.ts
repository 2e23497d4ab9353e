import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type MountedFile,
  type MountedFolder,
  TreeVolume,
} from "../../../../src/run/wasi/filesystem/tree_volume.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { textOf, wasiError } from "../../../support/wasm/streams.ts";

const inline = (text: string): MountedFile => {
  const bytes = new TextEncoder().encode(text);
  return { kind: "file", size: bytes.length, content: { bytes } };
};

const folder = (entries: Record<string, MountedFile | MountedFolder>): MountedFolder => ({
  kind: "folder",
  entries: new Map(Object.entries(entries)),
});

const fileError = (code: string) => wasiError((payload) => payload === code);

Deno.test("TreeVolume reads a stored file at any offset", () => {
  using temporary = new TemporaryFolder();
  const hostPath = join(temporary.path, "sha256:abc");
  Deno.writeTextFileSync(hostPath, "content");
  const volume = new TreeVolume(
    folder({ public: folder({ "a.txt": { kind: "file", size: 7, content: { hostPath } } }) }),
  );
  const file = volume.open(["public", "a.txt"]);
  assert.equal(textOf(file.read(100, 0)!), "content");
  assert.equal(textOf(file.read(3, 4)!), "ent");
  assert.equal(file.read(3, 7), null);
  assert.equal(file.writer, undefined);
  file.close();
});

Deno.test("TreeVolume reads an inline file at any offset", () => {
  const file = new TreeVolume(folder({ a: inline("content") })).open(["a"]);
  assert.equal(textOf(file.read(3, 4)!), "ent");
  assert.equal(textOf(file.read(100, 0)!), "content");
  assert.equal(file.read(1, 7), null);
});

Deno.test("TreeVolume derives metadata from the app alone", () => {
  const tree = () => folder({ a: inline("x"), b: folder({ c: inline("yz") }) });
  const [one, other] = [new TreeVolume(tree()), new TreeVolume(tree())];
  const paths = [[], ["a"], ["b"], ["b", "c"]];
  for (const path of paths) assert.deepEqual(one.find(path), other.find(path));
  assert.equal(new Set(paths.map((path) => one.find(path)!.inode)).size, paths.length);
  const { type, size, modified } = one.find(["b", "c"])!;
  assert.deepEqual([type, size, modified], ["regular-file", 2n, 0n]);
});

Deno.test("TreeVolume.list keeps the order of the app", () => {
  const volume = new TreeVolume(folder({ z: inline(""), a: folder({}) }));
  assert.deepEqual(volume.list([]), [
    { name: "z", type: "regular-file" },
    { name: "a", type: "directory" },
  ]);
  assert.deepEqual(volume.list(["a"]), []);
  assert.throws(() => volume.list(["z"]), fileError("not-directory"));
  assert.throws(() => volume.list(["none"]), fileError("no-entry"));
});

Deno.test("TreeVolume.find finds no file that is not in the app", () => {
  const volume = new TreeVolume(folder({ a: inline("") }));
  for (const path of [["b"], ["a", "b"], ["constructor"], ["__proto__"]]) {
    assert.equal(volume.find(path), undefined, path.join("/"));
  }
  assert.throws(() => volume.open(["b"]), fileError("no-entry"));
  assert.throws(() => volume.open([]), fileError("is-directory"));
});

Deno.test("TreeVolume.open fails if the cache has lost the file", () => {
  const content = { hostPath: "/nonexistent/sha256:abc" };
  const volume = new TreeVolume(folder({ a: { kind: "file", size: 1, content } }));
  assert.throws(() => volume.open(["a"]), fileError("no-entry"));
});
