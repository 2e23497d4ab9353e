import assert from "node:assert/strict";
import { join } from "node:path";
import { placeFile, placeText } from "../../../src/base/files/place_file.ts";
import { run } from "../../support/cli/commands.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const TIME = new Date(Date.UTC(2026, 0, 31, 12, 0, 0, 123));

function fixture(folder: string): { from: string; to: string } {
  const from = join(folder, "blob");
  Deno.writeTextFileSync(from, "content", { mode: 0o600 });
  return { from, to: join(folder, "given") };
}

Deno.test("placeFile gives a copy that is the user's own, with the given time", async () => {
  using folder = new TemporaryFolder();
  const { from, to } = fixture(folder.path);
  await placeFile(from, to, { mtime: TIME });
  const [original, copy] = [from, to].map((path) => Deno.statSync(path));
  assert.equal(Deno.readTextFileSync(to), "content");
  assert.equal(copy!.mtime?.getTime(), TIME.getTime());
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "blob",
    "given",
  ]);
  if (Deno.build.os === "windows") return;
  assert.notEqual(copy!.ino, original!.ino);
  assert.equal(original!.mode! & 0o777, 0o600);
  // As any program would create it.
  const usual = join(folder.path, "usual");
  Deno.writeTextFileSync(usual, "");
  assert.equal(copy!.mode! & 0o777, Deno.statSync(usual).mode! & 0o777);
});

Deno.test("placeFile replaces a file, a link, and what a killed process left", async () => {
  using folder = new TemporaryFolder();
  const { from, to } = fixture(folder.path);
  Deno.writeTextFileSync(to, "before, and longer", { mode: 0o600 });
  Deno.writeTextFileSync(`${to}.larder.tmp`, "half of something longer", { mode: 0o600 });
  await placeFile(from, to, { mtime: TIME });
  assert.equal(Deno.readTextFileSync(to), "content");
  const other = join(folder.path, "other");
  Deno.writeTextFileSync(other, "mine");
  Deno.removeSync(to);
  Deno.symlinkSync(other, to);
  await placeFile(from, to, { mtime: TIME });
  assert.equal(Deno.readTextFileSync(other), "mine");
  assert.equal(Deno.readTextFileSync(to), "content");
});

Deno.test("placeFile leaves other files of the user alone, also those named like temporary ones", async () => {
  using folder = new TemporaryFolder();
  const { from, to } = fixture(folder.path);
  for (const ending of [".tmp", ".copy", "~"]) Deno.writeTextFileSync(to + ending, "mine");
  await placeFile(from, to);
  for (const ending of [".tmp", ".copy", "~"]) {
    assert.equal(Deno.readTextFileSync(to + ending), "mine");
  }
});

Deno.test({
  name: "placeFile does not replace a pipe, also not through a link",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TemporaryFolder();
    const { from, to } = fixture(folder.path);
    await run("mkfifo", [to]);
    const link = join(folder.path, "link");
    Deno.symlinkSync(to, link);
    for (const path of [to, link]) {
      const failure = await failureOf(placeFile(from, path));
      assert.equal(failure.code, "LDR_DISK");
      assert.match(failure.message, /it is not a regular file$/);
    }
    assert.ok(Deno.lstatSync(to).isFifo);
    assert.ok(Deno.lstatSync(link).isSymlink);
  },
});

Deno.test("placeText gives a file with the usual mode, and writes nothing half", () => {
  using folder = new TemporaryFolder();
  const { from, to } = fixture(folder.path);
  if (Deno.build.os !== "windows") Deno.symlinkSync(from, to);
  placeText("text", to);
  assert.equal(Deno.readTextFileSync(to), "text");
  assert.equal(Deno.readTextFileSync(from), "content");
  const { mode } = Deno.statSync(to);
  if (Deno.build.os !== "windows") assert.equal(mode! & 0o777, 0o666 & ~Deno.umask());
  Deno.mkdirSync(join(folder.path, "folder"));
  for (const name of ["folder", "none/x"]) {
    assert.throws(() => placeText("text", join(folder.path, name)), { code: "LDR_DISK" });
  }
  assert.equal([...Deno.readDirSync(folder.path)].length, 3);
});

Deno.test("placeFile leaves nothing behind if it fails", async () => {
  using folder = new TemporaryFolder();
  const { from, to } = fixture(folder.path);
  Deno.mkdirSync(to);
  const failure = await failureOf(placeFile(from, to, { mtime: TIME }));
  assert.equal(failure.exitCode, 7);
  assert.ok(failure.message.includes(to));
  const missing = await failureOf(placeFile(from, join(folder.path, "none/x"), { mtime: TIME }));
  assert.equal(missing.exitCode, 7);
  assert.equal([...Deno.readDirSync(folder.path)].length, 2);
});

Deno.test("placeFile copies a large file with its holes, and replaces what a killed process left", async () => {
  using folder = new TemporaryFolder();
  const { from, to } = fixture(folder.path);
  Deno.truncateSync(from, 64 * 1024 * 1024);
  Deno.writeTextFileSync(`${to}.larder.tmp.copy`, "half of it", { mode: 0o600 });
  await placeFile(from, to, { executable: true });
  const { size, blocks, mode } = Deno.statSync(to);
  assert.equal(size, 64 * 1024 * 1024);
  if (Deno.build.os === "linux") assert.ok(blocks! * 512 < size / 2, `${blocks} blocks`);
  if (Deno.build.os !== "windows") assert.equal(mode! & 0o100, 0o100);
  Deno.removeSync(to);
  Deno.mkdirSync(to);
  await failureOf(placeFile(from, to));
  assert.deepEqual([...Deno.readDirSync(folder.path)].length, 2);
});
