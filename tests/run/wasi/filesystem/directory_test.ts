import assert from "node:assert/strict";
import { join } from "node:path";
import { makeSymlink } from "../../../../src/run/engine/command/symlinks.ts";
import { Denials } from "../../../../src/run/grants/denials.ts";
import type { OpenDirectory } from "../../../../src/run/wasi/filesystem/directory.ts";
import { mountPoint, preopens } from "../../../../src/run/wasi/filesystem/imports.ts";
import type { OpenFile } from "../../../../src/run/wasi/filesystem/open_file.ts";
import { InstanceResources } from "../../../../src/run/wasi/resources.ts";
import { GrantedFolder, listing, READ } from "../../../support/wasm/granted_folder.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const fileError = (code: string) => wasiError((payload) => payload === code);

const BAD_PATHS: [path: string, code: string][] = [
  ["", "no-entry"],
  ["/", "not-permitted"],
  ["/etc/passwd", "not-permitted"],
  ["..", "not-permitted"],
  ["a/../..", "not-permitted"],
  ["a\0b", "invalid"],
  ["x".repeat(300), "name-too-long"],
  ["a/".repeat(3000), "name-too-long"],
];

for (const [path, code] of BAD_PATHS) {
  Deno.test(`OpenDirectory rejects the path ${JSON.stringify(path.slice(0, 20))} of ${path.length} characters: ${code}`, () => {
    using folder = new GrantedFolder();
    Deno.mkdirSync(join(folder.granted, "a"));
    assert.throws(() => folder.open().infoAt(path, true), fileError(code));
  });
}

Deno.test("OpenDirectory reports a denial for a link that leaves the mount", () => {
  using folder = new GrantedFolder();
  Deno.symlinkSync("../outside", join(folder.granted, "link"));
  assert.throws(() => folder.open().open("link/secret", READ), fileError("not-permitted"));
  assert.deepEqual(folder.denials, [
    "refused to follow link/secret out of /data: grant its target with --dir",
  ]);
});

Deno.test("OpenDirectory that a guest opened confines paths to itself", () => {
  using folder = new GrantedFolder();
  Deno.mkdirSync(join(folder.granted, "a/b"), { recursive: true });
  Deno.writeTextFileSync(join(folder.granted, "c"), "");
  Deno.symlinkSync("../c", join(folder.granted, "a/up"));
  const directory = folder.open();
  const inner = directory.open("a", { ...READ, directory: true }) as OpenDirectory;
  assert.equal(inner.infoAt("b/..", true).type, "directory");
  for (const path of ["..", "../c", "b/../../c", "../a/b", "up"]) {
    assert.throws(() => inner.infoAt(path, true), fileError("not-permitted"), path);
  }
  assert.deepEqual(folder.denials, [], "no option grants it");
  assert.equal(directory.infoAt("a/up", true).type, "regular-file");
});

Deno.test("OpenDirectory.open does not open a pipe, which could block forever", () => {
  using folder = new GrantedFolder();
  const { success } = new Deno.Command("mkfifo", { args: [join(folder.granted, "pipe")] })
    .outputSync();
  assert(success);
  assert.equal(folder.open().infoAt("pipe", true).type, "fifo");
  assert.throws(() => folder.open().open("pipe", READ), fileError("not-permitted"));
});

Deno.test("OpenDirectory.setTimesAt and OpenFile.setTimes set each time", () => {
  using folder = new GrantedFolder();
  const directory = folder.open();
  const file = directory.open("a", { ...READ, create: true, write: true }) as OpenFile;
  file.setTimes({ accessed: 1_000_000_000n, modified: 2_500_000_000n });
  assert.deepEqual([file.info().accessed, file.info().modified], [1_000_000_000n, 2_500_000_000n]);
  directory.setTimesAt("a", true, { accessed: undefined, modified: 3_000_000_000n });
  const info = directory.infoAt("a", true);
  assert.deepEqual([info.accessed, info.modified], [1_000_000_000n, 3_000_000_000n]);
  for (const milliseconds of [1_700_000_000_001n, 1_700_000_000_123n, 1_795_950_145_963n]) {
    const modified = milliseconds * 1_000_000n;
    file.setTimes({ accessed: undefined, modified });
    assert.equal(file.info().modified, modified);
    directory.setTimesAt("a", true, { accessed: modified, modified: undefined });
    assert.equal(file.info().accessed, modified);
  }
  const tooLate = { accessed: 2n ** 70n, modified: undefined };
  assert.throws(() => directory.setTimesAt("a", true, tooLate), fileError("invalid"));
  Deno.symlinkSync("a", join(folder.granted, "link"));
  const before = file.info().modified;
  directory.setTimesAt("link", false, { accessed: undefined, modified: 7_000_000_000n });
  assert.equal(directory.infoAt("link", false).modified, 7_000_000_000n);
  assert.equal(file.info().modified, before);
});

const LINKS: [target: string, path: string, code?: string][] = [
  ["a", "new"],
  ["none", "new"],
  ["../a", "sub/new"],
  ["./sub/./new", "new"],
  ["new", "new"],
  ["..", "new", "not-permitted"],
  ["../a", "new", "not-permitted"],
  ["sub/../../a", "new", "not-permitted"],
  ["../../a", "sub/new", "not-permitted"],
  ["/", "new", "not-permitted"],
  // The name before could be a link that leads closer to the root.
  ["sub/..", "new", "not-permitted"],
  ["sub/../a", "new", "not-permitted"],
  ["/a", "new", "not-permitted"],
  ["", "new", "no-entry"],
  ["a", "new/", "no-entry"],
  ["a\0b", "new", "invalid"],
  ["x/".repeat(3000), "new", "name-too-long"],
  ["a", "a", "exist"],
  ["a", "sub/", "exist"],
  ["a", "a/", "not-directory"],
  ["a", "../new", "not-permitted"],
];

for (const [target, path, code] of LINKS) {
  const name = JSON.stringify(target.slice(0, 20));
  Deno.test(`OpenDirectory.createSymlink to ${name} at ${path} ${code ?? "succeeds"}`, () => {
    using folder = new GrantedFolder();
    Deno.mkdirSync(join(folder.granted, "sub"));
    Deno.writeTextFileSync(join(folder.granted, "a"), "");
    const create = () => folder.open().createSymlink(target, path);
    if (code) return assert.throws(create, fileError(code));
    create();
    assert.equal(Deno.readLinkSync(join(folder.granted, path)), target);
    assert.equal(folder.open().readLink(path), target);
  });
}

Deno.test("OpenDirectory.createSymlink takes any relative target if the mount is /", () => {
  using folder = new GrantedFolder();
  using resources = new InstanceResources();
  const mount = { kind: "folder", guest: "/", host: "/", readOnly: false } as const;
  const denials = new Denials("options", () => {});
  const [root] = preopens([mountPoint(mount, denials, makeSymlink)], resources);
  const path = join(folder.granted, "new").slice(1);
  root!.createSymlink("a/../b", path);
  assert.equal(root!.readLink(path), "a/../b");
  assert.throws(() => root!.createSymlink("/b", `${path}2`), fileError("not-permitted"));
});

Deno.test("OpenDirectory creates no symbolic links for a guest that may not", () => {
  using folder = new GrantedFolder();
  Deno.writeTextFileSync(join(folder.granted, "a"), "");
  Deno.symlinkSync("a", join(folder.granted, "old"));
  const directory = folder.open({ links: false });
  assert.throws(() => directory.createSymlink("a", "new"), fileError("not-permitted"));
  assert.throws(() => directory.link("old", false, directory, "new"), fileError("not-permitted"));
});

Deno.test("OpenDirectory neither moves nor links a symbolic link to where it leaves the mount", () => {
  using folder = new GrantedFolder();
  Deno.mkdirSync(join(folder.granted, "sub"));
  Deno.mkdirSync(join(folder.granted, "deep/er/still"), { recursive: true });
  Deno.symlinkSync("../../../outside", join(folder.granted, "deep/er/still/up"));
  Deno.symlinkSync("../outside/secret", join(folder.granted, "sub/inside"));
  Deno.symlinkSync("../outside/secret", join(folder.granted, "outside"));
  Deno.symlinkSync("er/../../sub", join(folder.granted, "deep/through"));
  const directory = folder.open();
  const before = JSON.stringify(listing(folder.granted));
  for (const path of ["sub/inside", "deep/through"]) {
    assert.throws(() => directory.rename(path, directory, "x"), fileError("not-permitted"));
  }
  for (const path of ["sub/inside", "outside"]) {
    assert.throws(() => directory.link(path, false, directory, "x"), fileError("not-permitted"));
  }
  assert.throws(() => directory.rename("deep/er", directory, "x"), fileError("not-permitted"));
  assert.equal(JSON.stringify(listing(folder.granted)), before);
  directory.rename("deep/er", directory, "deep/renamed");
  directory.rename("deep", directory, "sub/deep");
  directory.rename("sub/deep", directory, "deep");
  directory.rename("sub/inside", directory, "sub/moved");
  directory.rename("outside", directory, "renamed");
  directory.link("sub/moved", false, directory, "sub/again");
  assert.equal(directory.readLink("sub/again"), "../outside/secret");
});

const DOTS: [operation: "remove" | "rename" | "replace", path: string, code: string][] = [
  ["remove", ".", "invalid"],
  ["remove", "./", "invalid"],
  ["remove", "sub/.", "invalid"],
  ["remove", "sub/..", "not-empty"],
  ["rename", ".", "busy"],
  ["rename", "sub/.", "busy"],
  ["rename", "sub/..", "busy"],
  ["replace", ".", "busy"],
];

for (const [operation, path, code] of DOTS) {
  for (const place of ["mount", "folder that the guest opened"]) {
    Deno.test(`OpenDirectory does not ${operation} ${path} of the ${place}: ${code}`, () => {
      using folder = new GrantedFolder();
      Deno.mkdirSync(join(folder.granted, "inner/sub"), { recursive: true });
      Deno.mkdirSync(join(folder.granted, "sub"));
      const root = folder.open();
      const directory = place === "mount"
        ? root
        : root.open("inner", { ...READ, directory: true }) as OpenDirectory;
      assert.throws(() => {
        if (operation === "remove") return directory.removeDirectory(path);
        if (operation === "rename") return directory.rename(path, root, "new");
        return root.rename("sub", directory, path);
      }, fileError(code));
      assert(root.infoAt("inner/sub", false) && root.infoAt("sub", false));
    });
  }
}

Deno.test("OpenDirectory.open opens /dev/null and /dev/zero, and no device that could have an effect", () => {
  using resources = new InstanceResources();
  const mount = { kind: "folder", guest: "/", host: "/", readOnly: false } as const;
  const [root] = preopens([mountPoint(mount, new Denials("options", () => {}))], resources);
  assert.equal(root!.infoAt("dev/null", true).type, "character-device");
  const file = root!.open("dev/null", { ...READ, write: true, truncate: true }) as OpenFile;
  file.write(new Uint8Array(3), 0n);
  assert.equal(file.read(10, 0n), null);
  const zero = root!.open("dev/zero", READ) as OpenFile;
  assert.deepEqual(zero.read(3, 0n), new Uint8Array(3));
  assert.throws(() => root!.open("dev/full", READ), fileError("not-permitted"));
});

Deno.test("OpenDirectory.rename and link reject another mount", () => {
  using one = new GrantedFolder();
  using other = new GrantedFolder();
  Deno.writeTextFileSync(join(one.granted, "a"), "");
  assert.throws(() => one.open().rename("a", other.open(), "a"), fileError("cross-device"));
  assert.throws(() => one.open().link("a", false, other.open(), "a"), fileError("cross-device"));
});

Deno.test("OpenDirectory.open does not open a link itself", () => {
  using folder = new GrantedFolder();
  Deno.symlinkSync("../outside/secret", join(folder.granted, "out"));
  Deno.symlinkSync("none", join(folder.granted, "dangling"));
  for (const path of ["out", "dangling"]) {
    for (const write of [false, true]) {
      const options = { ...READ, follow: false, write };
      assert.throws(() => folder.open().open(path, options), fileError("loop"));
    }
  }
});
