import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { hasCode, LarderError } from "../../../src/base/errors.ts";
import {
  ensureFolder,
  isDeletionError,
  isNotFound,
  isStillAt,
  readBytesIfAny,
  readFolder,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  syncFolder,
  writeAll,
} from "../../../src/base/files/files.ts";
import { diskError } from "../../../src/base/files/system_error.ts";
import { TemporaryFolder, withFolder } from "../../support/temporary.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const mode = (path: string) => Deno.statSync(path).mode! & 0o777;

withFolder("ensureFolder creates a folder and its parents with mode 0700", (path) => {
  ensureFolder(path("a/b"));
  assert.deepEqual([mode(path("a")), mode(path("a/b"))], [0o700, 0o700]);
});

withFolder("ensureFolder leaves the mode and content of an existing folder", (path) => {
  Deno.mkdirSync(path("a"));
  Deno.chmodSync(path("a"), 0o755);
  Deno.writeTextFileSync(path("a/file"), "x");
  ensureFolder(path("a"));
  assert.equal(mode(path("a")), 0o755);
  assert.equal(Deno.readTextFileSync(path("a/file")), "x");
});

withFolder("ensureFolder accepts a link to a folder", (path) => {
  Deno.mkdirSync(path("real"));
  Deno.symlinkSync(path("real"), path("link"));
  ensureFolder(path("link"));
  ensureFolder(path("link/below"));
  assert.deepEqual(names(path("real")), ["below"]);
});

for (const name of ["file", "file/below"]) {
  withFolder(`ensureFolder fails with LDR_DISK if a file is in the way of ${name}`, (path) => {
    Deno.writeTextFileSync(path("file"), "mine");
    assert.throws(() => ensureFolder(path(name)), (error) => hasCode(error, "LDR_DISK"));
    assert.equal(Deno.readTextFileSync(path("file")), "mine");
  });
}

withFolder("statIfAny does not follow links, and returns undefined for a missing file", (path) => {
  Deno.writeTextFileSync(path("file"), "x");
  Deno.symlinkSync(path("gone"), path("link"));
  assert.equal(statIfAny(path("file"))?.size, 1);
  assert.equal(statIfAny(path("link"))?.isSymlink, true);
  assert.equal(statIfAny(path("absent")), undefined);
  assert.equal(statIfAny(path("file/below")), undefined);
});

withFolder(
  "readTextIfAny and readBytesIfAny return undefined for a missing file or a folder",
  (path) => {
    Deno.writeFileSync(path("file"), new Uint8Array([0x68, 0xc3, 0xbc]));
    Deno.writeFileSync(path("empty"), new Uint8Array());
    assert.equal(readTextIfAny(path("file")), "hü");
    assert.equal(readTextIfAny(path("empty")), "");
    assert.deepEqual(readBytesIfAny(path("empty")), new Uint8Array());
    for (const name of ["absent", "file/below", "."]) {
      assert.equal(readTextIfAny(path(name)), undefined);
      assert.equal(readBytesIfAny(path(name)), undefined);
    }
  },
);

Deno.test("writeAll writes every byte, however few the system accepts at once", () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
      (data, limits) => {
        const written: number[] = [];
        const file = {
          writeSync(bytes: Uint8Array) {
            const some = bytes.subarray(0, limits.next().value);
            written.push(...some);
            return some.length;
          },
        } as Deno.FsFile;
        writeAll(file, data);
        assert.deepEqual(new Uint8Array(written), data);
      },
    ),
  );
});

withFolder("isStillAt is false once the file was replaced or removed", (path) => {
  Deno.writeTextFileSync(path("file"), "x");
  Deno.writeTextFileSync(path("new"), "y");
  using file = Deno.openSync(path("file"));
  assert.equal(isStillAt(file, path("file")), true);
  assert.equal(isStillAt(file, path("new")), false);
  Deno.renameSync(path("new"), path("file"));
  assert.equal(isStillAt(file, path("file")), false);
  Deno.removeSync(path("file"));
  assert.equal(isStillAt(file, path("file")), false);
});

withFolder("removeIfAny removes a file, accepts a missing one, and fails on a folder", (path) => {
  Deno.writeTextFileSync(path("file"), "x");
  Deno.mkdirSync(path("folder"));
  Deno.writeTextFileSync(path("folder/inside"), "x");
  removeIfAny(path("file"));
  removeIfAny(path("file"));
  removeIfAny(path("folder/inside/below"));
  assert.throws(() => removeIfAny(path("folder")), (error) => hasCode(error, "LDR_DISK"));
  assert.deepEqual(names(path("folder")), ["inside"]);
});

withFolder("syncFolder never fails", (path) => {
  syncFolder(path("."));
  syncFolder(path("absent"));
});

/** Name, error, and the results of isNotFound and isDeletionError. */
const ERRORS: [string, unknown, boolean, boolean][] = [
  ["a missing file", new Deno.errors.NotFound(), true, true],
  ["a file in place of a folder", new Deno.errors.NotADirectory(), true, false],
  ["a converted error of a missing folder", diskError(notFound(), "open", "/x"), false, true],
  [
    "a converted error of a file above a folder",
    diskError(new Deno.errors.NotADirectory(), "open", "/x"),
    false,
    false,
  ],
  ["no permission", new Deno.errors.PermissionDenied(), false, false],
  ["an error without a cause", new LarderError("LDR_DISK", "m", { hint: "h" }), false, false],
  ["undefined", undefined, false, false],
];

for (const [name, error, notFound, deletion] of ERRORS) {
  Deno.test(`isNotFound is ${notFound}, isDeletionError ${deletion} for ${name}`, () => {
    assert.deepEqual([isNotFound(error), isDeletionError(error)], [notFound, deletion]);
  });
}

/** Returns the error of opening a file that does not exist. */
function notFound(): unknown {
  try {
    Deno.openSync("/nowhere/x").close();
  } catch (error) {
    return error;
  }
}

Deno.test("readFolder lists a folder, and returns nothing for a missing one", () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(join(folder.path, "file"), "");
  Deno.mkdirSync(join(folder.path, "folder"));
  const entries = readFolder(folder.path).map(({ name, isFile }) => [name, isFile]).sort();
  assert.deepEqual(entries, [["file", true], ["folder", false]]);
  assert.deepEqual(readFolder(join(folder.path, "gone")), []);
});

for (const name of ["file", "file/below", "link", "link/below"]) {
  withFolder(`readFolder fails with LDR_DISK if ${name} cannot be a folder`, (path) => {
    Deno.writeTextFileSync(path("file"), "mine");
    Deno.symlinkSync(path("gone"), path("link"));
    const reason = name.startsWith("file")
      ? `${path("file")} is a file, not a folder`
      : `${path("link")} is a link to ${path("gone")}, which does not exist`;
    assert.throws(() => readFolder(path(name)), {
      code: "LDR_DISK",
      message: `cannot list ${path(name)}: ${reason}`,
    });
  });
}
