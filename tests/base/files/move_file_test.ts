import assert from "node:assert/strict";
import { join } from "node:path";
import { moveFile } from "../../../src/base/files/move_file.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** Runs `body` while renames between two folders fail as they do between file systems. */
async function withSeparate(folders: [string, string], body: () => Promise<void>): Promise<void> {
  const { renameSync } = Deno;
  Deno.renameSync = (from, to) => {
    if (String(from).startsWith(folders[0]) && String(to).startsWith(folders[1])) {
      const error = new Error("Invalid cross-device link (os error 18)");
      throw Object.assign(error, { code: "EXDEV" });
    }
    renameSync(from, to);
  };
  try {
    await body();
  } finally {
    Deno.renameSync = renameSync;
  }
}

Deno.test("moveFile renames, or copies to another file system", async () => {
  using one = new TemporaryFolder();
  using other = new TemporaryFolder();
  const [from, to] = [join(one.path, "a"), join(other.path, "b")];
  Deno.writeTextFileSync(from, "content", { mode: 0o600 });
  Deno.utimeSync(from, 1_000_000, 1_000_000);
  Deno.writeTextFileSync(to, "before");
  await withSeparate([one.path, other.path], async () => {
    assert.equal(await moveFile(from, to), "copied");
  });
  assert.equal(Deno.readTextFileSync(to), "content");
  assert.equal(Deno.statSync(to).mtime!.getTime(), 1_000_000_000);
  assert.deepEqual([...Deno.readDirSync(one.path)], []);
  assert.deepEqual([...Deno.readDirSync(other.path)].map(({ name }) => name), ["b"]);
  if (Deno.build.os !== "windows") assert.equal(Deno.statSync(to).mode! & 0o777, 0o600);
  assert.equal(await moveFile(to, from), "renamed");
});

Deno.test("moveFile leaves no copy behind if it fails", async () => {
  using one = new TemporaryFolder();
  using other = new TemporaryFolder();
  const [from, to] = [join(one.path, "a"), join(other.path, "b")];
  Deno.writeTextFileSync(from, "content");
  Deno.mkdirSync(join(to, "within"), { recursive: true });
  await withSeparate([one.path, other.path], async () => {
    await assert.rejects(moveFile(from, to));
  });
  assert.deepEqual([...Deno.readDirSync(other.path)].map(({ name }) => name), ["b"]);
  assert.equal(Deno.readTextFileSync(from), "content");
});
