import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { prepareStateFiles } from "../../../src/run/state/prepare_files.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("prepareStateFiles creates the folders of files, but no files", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "a", "b", "x.db");
  prepareStateFiles([path]);
  assert.deepEqual([...Deno.readDirSync(join(folder.path, "a", "b"))], []);
  if (Deno.build.os !== "windows") {
    assert.equal(Deno.statSync(join(folder.path, "a")).mode! & 0o777, 0o700);
  }
});

for (const content of ["x", "SQLite format 2\0", "not a database ".repeat(1000)]) {
  Deno.test(`prepareStateFiles refuses a file that begins with "${content.slice(0, 15)}"`, () => {
    using folder = new TemporaryFolder();
    const path = join(folder.path, "x.db");
    Deno.writeTextFileSync(path, content);
    assert.throws(
      () => prepareStateFiles([path]),
      (error) => hasCode(error, "LDR_DISK") && error.message.includes(path),
    );
    assert.equal(Deno.readTextFileSync(path), content);
  });
}

Deno.test("prepareStateFiles reports a folder in the place of a file", () => {
  using folder = new TemporaryFolder();
  assert.throws(
    () => prepareStateFiles([folder.path]),
    (error) => hasCode(error, "LDR_DISK") && error.message.endsWith("it is a folder"),
  );
});

Deno.test("prepareStateFiles takes an empty file for a database without tables", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "x.db");
  Deno.writeTextFileSync(path, "");
  prepareStateFiles([path]);
});

Deno.test("prepareStateFiles reports a file in the place of a folder", () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(join(folder.path, "f"), "");
  assert.throws(
    () => prepareStateFiles([join(folder.path, "f", "x.db")]),
    (error) => hasCode(error, "LDR_DISK"),
  );
});
