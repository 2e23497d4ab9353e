import assert from "node:assert/strict";
import { join } from "node:path";
import { changeUserFile, replaceUserFile } from "../../../src/base/files/user_file.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("replaceUserFile writes the file that links lead to, and keeps its mode and owner", () => {
  using folder = new TemporaryFolder();
  const [file, between, link] = ["file", "between", "link"].map((name) => join(folder.path, name));
  Deno.writeTextFileSync(file!, "old");
  Deno.symlinkSync("file", between!);
  Deno.symlinkSync(between!, link!);
  const hasModes = Deno.build.os !== "windows";
  const isRoot = Deno.uid() === 0; // Only root may give a file away.
  if (hasModes) Deno.chmodSync(file!, 0o640);
  if (isRoot) Deno.chownSync(file!, 12345, 12346);
  replaceUserFile(link!, "new");
  assert.equal(Deno.readTextFileSync(file!), "new");
  assert(Deno.lstatSync(link!).isSymlink && Deno.lstatSync(between!).isSymlink);
  const { mode, uid, gid } = Deno.statSync(file!);
  if (hasModes) assert.equal(mode! & 0o777, 0o640);
  if (isRoot) assert.deepEqual([uid, gid], [12345, 12346]);
});

Deno.test("replaceUserFile creates the file that a link names, and its folder", () => {
  using folder = new TemporaryFolder();
  const link = join(folder.path, "link");
  Deno.symlinkSync("elsewhere/file", link);
  replaceUserFile(link, "new");
  assert.equal(Deno.readTextFileSync(join(folder.path, "elsewhere/file")), "new");
  assert(Deno.lstatSync(link).isSymlink);
});

/** Appends lines to a file in another thread, one change for each. */
function appendInThread(path: string, lines: readonly string[]): Promise<void> {
  const module = new URL("../../../src/base/files/user_file.ts", import.meta.url);
  const code = `import { changeUserFile } from ${JSON.stringify(module.href)};
    for (const line of ${JSON.stringify(lines)}) {
      changeUserFile(${JSON.stringify(path)}, (text = "") => text + line + "\\n");
    }
    postMessage("done");`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  worker.onmessage = () => resolve();
  worker.onerror = ({ message }) => reject(new Error(message));
  return promise.finally(() => worker.terminate());
}

Deno.test("changeUserFile loses no change of several at once, and leaves nothing else behind", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "file");
  const lines = Array.from({ length: 60 }, (_, i) => `${i}`.padStart(2, "0"));
  const shares = [0, 1].map((thread) => lines.filter((_, i) => i % 2 === thread));
  await Promise.all(shares.map((share) => appendInThread(path, share)));
  assert.deepEqual(Deno.readTextFileSync(path).trim().split("\n").sort(), lines);
  changeUserFile(path, () => undefined);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["file"]);
});

Deno.test("changeUserFile leaves a file alone if the change fails, and writes nothing through a link", () => {
  using folder = new TemporaryFolder();
  const [path, other] = [join(folder.path, "file"), join(folder.path, "other")];
  Deno.writeTextFileSync(other, "other");
  Deno.symlinkSync(other, `${path}.tmp`);
  replaceUserFile(path, "old");
  const fail = () => {
    throw new Error("no");
  };
  assert.throws(() => changeUserFile(path, fail), /no/);
  assert.deepEqual([path, other].map((each) => Deno.readTextFileSync(each)), ["old", "other"]);
  assert.equal([...Deno.readDirSync(folder.path)].length, 2);
});
