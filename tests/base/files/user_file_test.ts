import assert from "node:assert/strict";
import { join } from "node:path";
import { replaceUserFile } from "../../../src/base/files/user_file.ts";
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
