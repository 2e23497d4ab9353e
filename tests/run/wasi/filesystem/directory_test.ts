import assert from "node:assert/strict";
import { join } from "node:path";
import type { OpenDirectory } from "../../../../src/run/wasi/filesystem/directory.ts";
import type { OpenFile } from "../../../../src/run/wasi/filesystem/open_file.ts";
import { GrantedFolder, READ } from "../../../support/wasm/granted_folder.ts";
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
  assert.equal(folder.open().infoAt("pipe", true).type, "unknown");
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
  const tooLate = { accessed: 2n ** 70n, modified: undefined };
  assert.throws(() => directory.setTimesAt("a", true, tooLate), fileError("invalid"));
  Deno.symlinkSync("a", join(folder.granted, "link"));
  assert.throws(() => directory.setTimesAt("link", false, tooLate), fileError("unsupported"));
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
