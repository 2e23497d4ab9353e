import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { copyFileAtomic, writeFileAtomic } from "../../../src/base/files/atomic_write.ts";
import { isDeletionError, writeAll } from "../../../src/base/files/files.ts";
import { COPY_BUFFER } from "../../../src/base/limits.ts";
import { withFolder } from "../../support/temporary.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const mode = (path: string) => Deno.statSync(path).mode! & 0o777;

withFolder("writeFileAtomic writes with mode 0600 and leaves no temporary file", (path) => {
  writeFileAtomic(path("file"), "text");
  writeFileAtomic(path("file"), new Uint8Array([1, 2, 3]));
  assert.deepEqual(Deno.readFileSync(path("file")), new Uint8Array([1, 2, 3]));
  assert.equal(mode(path("file")), 0o600);
  assert.deepEqual(names(path(".")), ["file"]);
});

withFolder("writeFileAtomic reuses the temporary file of a killed process", (path) => {
  Deno.writeTextFileSync(path("file.tmp"), "half of something much longer than the new text");
  writeFileAtomic(path("file"), "new");
  assert.equal(Deno.readTextFileSync(path("file")), "new");
  assert.deepEqual(names(path(".")), ["file"]);
});

withFolder("writeFileAtomic leaves a temporary file that another process has locked", (path) => {
  using other = Deno.openSync(path("file.tmp"), { write: true, create: true });
  other.lockSync(true);
  writeAll(other, new TextEncoder().encode("theirs"));
  writeFileAtomic(path("file"), "ours");
  assert.equal(Deno.readTextFileSync(path("file")), "ours");
  assert.equal(Deno.readTextFileSync(path("file.tmp")), "theirs");
  assert.deepEqual(names(path(".")), ["file", "file.tmp"]);
});

withFolder("writeFileAtomic fails with a deletion error if the folder was deleted", (path) => {
  assert.throws(
    () => writeFileAtomic(path("gone/file"), "x"),
    (error) => hasCode(error, "LDR_DISK") && isDeletionError(error),
  );
});

withFolder("writeFileAtomic fails over a folder and leaves no temporary file", (path) => {
  Deno.mkdirSync(path("folder"));
  assert.throws(() => writeFileAtomic(path("folder"), "x"), (error) => hasCode(error, "LDR_DISK"));
  assert.deepEqual(names(path(".")), ["folder"]);
});

for (const size of [0, 1, COPY_BUFFER - 1, COPY_BUFFER, COPY_BUFFER + 1, 3 * COPY_BUFFER + 7]) {
  withFolder(`copyFileAtomic replaces a file with a copy of ${size} bytes`, (path) => {
    const bytes = new Uint8Array(size).map((_, i) => i % 251);
    Deno.writeFileSync(path("from"), bytes);
    Deno.writeTextFileSync(path("to"), "older");
    copyFileAtomic(path("from"), path("to"));
    assert.deepEqual(Deno.readFileSync(path("to")), bytes);
    assert.equal(mode(path("to")), 0o600);
    assert.deepEqual(names(path(".")), ["from", "to"]);
  });
}

withFolder(
  "copyFileAtomic of a missing file fails with a deletion error and keeps the target",
  (path) => {
    Deno.writeTextFileSync(path("to"), "older");
    assert.throws(
      () => copyFileAtomic(path("absent"), path("to")),
      (error) => hasCode(error, "LDR_DISK") && isDeletionError(error),
    );
    assert.equal(Deno.readTextFileSync(path("to")), "older");
    assert.deepEqual(names(path(".")), ["to"]);
  },
);
