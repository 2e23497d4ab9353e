import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { type ErrorCode, hasCode, LarderError } from "../../src/base/errors.ts";
import {
  copyFileAtomic,
  diskError,
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
  writeFileAtomic,
} from "../../src/base/files.ts";
import { COPY_BUFFER } from "../../src/base/limits.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const mode = (path: string) => Deno.statSync(path).mode! & 0o777;
const systemError = (code: string) => Object.assign(new Error(`${code} happened`), { code });

function withFolder(
  name: string,
  body: (path: (name: string) => string) => void,
): void {
  Deno.test(name, () => {
    using folder = new TemporaryFolder();
    body((name) => join(folder.path, name));
  });
}

const DISK_ERRORS: [string, Error, ErrorCode][] = [
  ["a full disk", systemError("ENOSPC"), "LDR_DISK_FULL"],
  ["a full quota", systemError("EDQUOT"), "LDR_DISK_FULL"],
  ["a read-only file system", systemError("EROFS"), "LDR_READ_ONLY"],
  ["no permission", systemError("EACCES"), "LDR_PERMISSION"],
  ["an operation not permitted", systemError("EPERM"), "LDR_PERMISSION"],
  ["Deno's own refusal", new Deno.errors.PermissionDenied("no"), "LDR_PERMISSION"],
  ["a file in place of a folder", systemError("ENOTDIR"), "LDR_DISK"],
  ["the same, without a code", new Deno.errors.NotADirectory("no"), "LDR_DISK"],
  ["a broken disk", systemError("EIO"), "LDR_DISK"],
  ["too long a name", systemError("ENAMETOOLONG"), "LDR_DISK"],
];

for (const [name, error, code] of DISK_ERRORS) {
  Deno.test(`${name} is ${code}, with the path and the cause`, () => {
    const mapped = diskError(error, "write", "/cache/file");
    assert.ok(hasCode(mapped, code));
    assert.match(mapped.message, /^cannot write \/cache\/file: /);
    assert.equal(mapped.cause, error);
  });
}

Deno.test("what is not the operating system's error is handed on as it is", () => {
  const own = new LarderError("LDR_BUSY", "busy", { hint: "wait" });
  const bug = new TypeError("undefined is not a function");
  for (const error of [own, bug, "text", undefined]) {
    assert.equal(diskError(error, "write", "/x"), error);
  }
});

withFolder("folders are made with their parents, for the user alone", (path) => {
  ensureFolder(path("a/b"));
  assert.deepEqual([mode(path("a")), mode(path("a/b"))], [0o700, 0o700]);
});

withFolder("a folder that exists keeps its mode and what is in it", (path) => {
  Deno.mkdirSync(path("a"));
  Deno.chmodSync(path("a"), 0o755);
  Deno.writeTextFileSync(path("a/file"), "x");
  ensureFolder(path("a"));
  assert.equal(mode(path("a")), 0o755);
  assert.equal(Deno.readTextFileSync(path("a/file")), "x");
});

withFolder("a link to a folder is a folder", (path) => {
  Deno.mkdirSync(path("real"));
  Deno.symlinkSync(path("real"), path("link"));
  ensureFolder(path("link"));
  ensureFolder(path("link/below"));
  assert.deepEqual(names(path("real")), ["below"]);
});

for (const name of ["file", "file/below"]) {
  withFolder(`a file in the way of the folder ${name} is LDR_DISK`, (path) => {
    Deno.writeTextFileSync(path("file"), "mine");
    assert.throws(() => ensureFolder(path(name)), (error) => hasCode(error, "LDR_DISK"));
    assert.equal(Deno.readTextFileSync(path("file")), "mine");
  });
}

withFolder("statIfAny sees links themselves, and nothing where nothing is", (path) => {
  Deno.writeTextFileSync(path("file"), "x");
  Deno.symlinkSync(path("gone"), path("link"));
  assert.equal(statIfAny(path("file"))?.size, 1);
  assert.equal(statIfAny(path("link"))?.isSymlink, true);
  assert.equal(statIfAny(path("absent")), undefined);
  assert.equal(statIfAny(path("file/below")), undefined);
});

withFolder("a file is read if it is there; a folder is no file", (path) => {
  Deno.writeFileSync(path("file"), new Uint8Array([0x68, 0xc3, 0xbc]));
  Deno.writeFileSync(path("empty"), new Uint8Array());
  assert.equal(readTextIfAny(path("file")), "hü");
  assert.equal(readTextIfAny(path("empty")), "");
  assert.deepEqual(readBytesIfAny(path("empty")), new Uint8Array());
  for (const name of ["absent", "file/below", "."]) {
    assert.equal(readTextIfAny(path(name)), undefined);
    assert.equal(readBytesIfAny(path(name)), undefined);
  }
});

withFolder("a file is written for the user alone, and nothing beside it is left", (path) => {
  writeFileAtomic(path("file"), "text");
  writeFileAtomic(path("file"), new Uint8Array([1, 2, 3]));
  assert.deepEqual(Deno.readFileSync(path("file")), new Uint8Array([1, 2, 3]));
  assert.equal(mode(path("file")), 0o600);
  assert.deepEqual(names(path(".")), ["file"]);
});

withFolder("what a killed process left is used up by the next write", (path) => {
  Deno.writeTextFileSync(path("file.tmp"), "half of something much longer than the new text");
  writeFileAtomic(path("file"), "new");
  assert.equal(Deno.readTextFileSync(path("file")), "new");
  assert.deepEqual(names(path(".")), ["file"]);
});

withFolder("a temporary file that somebody else writes to is left alone", (path) => {
  using other = Deno.openSync(path("file.tmp"), { write: true, create: true });
  other.lockSync(true);
  writeAll(other, new TextEncoder().encode("theirs"));
  writeFileAtomic(path("file"), "ours");
  assert.equal(Deno.readTextFileSync(path("file")), "ours");
  assert.equal(Deno.readTextFileSync(path("file.tmp")), "theirs");
  assert.deepEqual(names(path(".")), ["file", "file.tmp"]);
});

withFolder("a write into a folder that is gone is a deletion", (path) => {
  assert.throws(
    () => writeFileAtomic(path("gone/file"), "x"),
    (error) => hasCode(error, "LDR_DISK") && isDeletionError(error),
  );
});

withFolder("a write over a folder fails and leaves no temporary file", (path) => {
  Deno.mkdirSync(path("folder"));
  assert.throws(() => writeFileAtomic(path("folder"), "x"), (error) => hasCode(error, "LDR_DISK"));
  assert.deepEqual(names(path(".")), ["folder"]);
});

for (const size of [0, 1, COPY_BUFFER - 1, COPY_BUFFER, COPY_BUFFER + 1, 3 * COPY_BUFFER + 7]) {
  withFolder(`a file of ${size} bytes is copied whole, over an older one`, (path) => {
    const bytes = new Uint8Array(size).map((_, i) => i % 251);
    Deno.writeFileSync(path("from"), bytes);
    Deno.writeTextFileSync(path("to"), "older");
    copyFileAtomic(path("from"), path("to"));
    assert.deepEqual(Deno.readFileSync(path("to")), bytes);
    assert.equal(mode(path("to")), 0o600);
    assert.deepEqual(names(path(".")), ["from", "to"]);
  });
}

withFolder("a copy of nothing is a deletion and leaves the older file as it was", (path) => {
  Deno.writeTextFileSync(path("to"), "older");
  assert.throws(
    () => copyFileAtomic(path("absent"), path("to")),
    (error) => hasCode(error, "LDR_DISK") && isDeletionError(error),
  );
  assert.equal(Deno.readTextFileSync(path("to")), "older");
  assert.deepEqual(names(path(".")), ["to"]);
});

Deno.test("writeAll writes every byte, however few the system takes at once", () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
      (data, takes) => {
        const written: number[] = [];
        const file = {
          writeSync(bytes: Uint8Array) {
            const some = bytes.subarray(0, takes.next().value);
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

withFolder("isAt tells an open file from one that took its place", (path) => {
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

withFolder("removeIfAny removes a file, is content with none, and spares a folder", (path) => {
  Deno.writeTextFileSync(path("file"), "x");
  Deno.mkdirSync(path("folder"));
  Deno.writeTextFileSync(path("folder/inside"), "x");
  removeIfAny(path("file"));
  removeIfAny(path("file"));
  removeIfAny(path("folder/inside/below"));
  assert.throws(() => removeIfAny(path("folder")), (error) => hasCode(error, "LDR_DISK"));
  assert.deepEqual(names(path("folder")), ["inside"]);
});

withFolder("syncing the names of a folder fails for nobody", (path) => {
  syncFolder(path("."));
  syncFolder(path("absent"));
});

/** Name, the error, whether it says that nothing is there, and whether that somebody deleted something. */
const MISSES: [string, unknown, boolean, boolean][] = [
  ["nothing there", new Deno.errors.NotFound(), true, true],
  ["a file above it", new Deno.errors.NotADirectory(), true, false],
  ["a folder that is gone", diskError(notFound(), "open", "/x"), false, true],
  [
    "a file above a folder",
    diskError(new Deno.errors.NotADirectory(), "open", "/x"),
    false,
    false,
  ],
  ["no permission", new Deno.errors.PermissionDenied(), false, false],
  ["no cause", new LarderError("LDR_DISK", "m", { hint: "h" }), false, false],
  ["nothing thrown", undefined, false, false],
];

for (const [name, error, absence, deletion] of MISSES) {
  Deno.test(`${name} is ${absence ? "an" : "no"} absence, ${deletion ? "a" : "no"} deletion`, () => {
    assert.deepEqual([isNotFound(error), isDeletionError(error)], [absence, deletion]);
  });
}

/** What the operating system says to opening what is not there. */
function notFound(): unknown {
  try {
    Deno.openSync("/nowhere/x").close();
  } catch (error) {
    return error;
  }
}

Deno.test("a folder shows what lies in it, and one that is not there shows nothing", () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(join(folder.path, "file"), "");
  Deno.mkdirSync(join(folder.path, "folder"));
  const shown = readFolder(folder.path).map(({ name, isFile }) => [name, isFile]).sort();
  assert.deepEqual(shown, [["file", true], ["folder", false]]);
  assert.deepEqual(readFolder(join(folder.path, "gone")), []);
  assert.deepEqual(readFolder(join(folder.path, "file", "gone")), []);
});
