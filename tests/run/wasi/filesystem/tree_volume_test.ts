import {
  type MountedFile,
  type MountedFolder,
  TreeVolume,
} from "../../../../src/run/wasi/filesystem/tree_volume.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { refusedWith, textOf } from "../../../support/wasm/streams.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

const inline = (text: string): MountedFile => {
  const bytes = new TextEncoder().encode(text);
  return { kind: "file", size: bytes.length, content: { bytes } };
};

const folder = (entries: Record<string, MountedFile | MountedFolder>): MountedFolder => ({
  kind: "folder",
  entries: new Map(Object.entries(entries)),
});

const refusedAs = (code: string) => refusedWith((payload) => payload === code);

Deno.test("a stored file is read by its place in the app, from any place in it", () => {
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

Deno.test("an inline file is read from any place in it", () => {
  const file = new TreeVolume(folder({ a: inline("content") })).open(["a"]);
  assert.equal(textOf(file.read(3, 4)!), "ent");
  assert.equal(textOf(file.read(100, 0)!), "content");
  assert.equal(file.read(1, 7), null);
});

Deno.test("what is told of files depends on the app alone", () => {
  const tree = () => folder({ a: inline("x"), b: folder({ c: inline("yz") }) });
  const [one, other] = [new TreeVolume(tree()), new TreeVolume(tree())];
  const places = [[], ["a"], ["b"], ["b", "c"]];
  for (const names of places) assert.deepEqual(one.find(names), other.find(names));
  assert.equal(new Set(places.map((names) => one.find(names)!.inode)).size, places.length);
  const { type, size, modified } = one.find(["b", "c"])!;
  assert.deepEqual([type, size, modified], ["regular-file", 2n, 0n]);
});

Deno.test("a folder lists its entries in the order of the app", () => {
  const volume = new TreeVolume(folder({ z: inline(""), a: folder({}) }));
  assert.deepEqual(volume.list([]), [
    { name: "z", type: "regular-file" },
    { name: "a", type: "directory" },
  ]);
  assert.deepEqual(volume.list(["a"]), []);
  assert.throws(() => volume.list(["z"]), refusedAs("not-directory"));
  assert.throws(() => volume.list(["none"]), refusedAs("no-entry"));
});

Deno.test("what is not there is not found, whatever its name", () => {
  const volume = new TreeVolume(folder({ a: inline("") }));
  for (const names of [["b"], ["a", "b"], ["constructor"], ["__proto__"]]) {
    assert.equal(volume.find(names), undefined, names.join("/"));
  }
  assert.throws(() => volume.open(["b"]), refusedAs("no-entry"));
  assert.throws(() => volume.open([]), refusedAs("is-directory"));
});

Deno.test("a stored file that the cache has lost is an error", () => {
  const content = { hostPath: "/nonexistent/sha256:abc" };
  const volume = new TreeVolume(folder({ a: { kind: "file", size: 1, content } }));
  assert.throws(() => volume.open(["a"]), refusedAs("no-entry"));
});
