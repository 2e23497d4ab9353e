import assert from "node:assert/strict";
import { join } from "node:path";
import type { OpenFile } from "../../../../src/run/wasi/filesystem/open_file.ts";
import type { OpenDirectory } from "../../../../src/run/wasi/filesystem/directory.ts";
import { GrantedFolder, READ } from "../../../support/wasm/granted_folder.ts";
import { refusedWith } from "../../../support/wasm/streams.ts";

const refusedAs = (code: string) => refusedWith((payload) => payload === code);

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
  Deno.test(`the path ${JSON.stringify(path.slice(0, 20))} of ${path.length} is ${code}`, () => {
    using bench = new GrantedFolder();
    Deno.mkdirSync(join(bench.granted, "a"));
    assert.throws(() => bench.open().infoAt(path, true), refusedAs(code));
  });
}

Deno.test("what leaves the folder is told of, with what would allow it", () => {
  using bench = new GrantedFolder();
  Deno.symlinkSync("../outside", join(bench.granted, "link"));
  assert.throws(() => bench.open().open("link/secret", READ), refusedAs("not-permitted"));
  assert.deepEqual(bench.denials, [
    "refused to follow link/secret out of /data: grant its target with --dir",
  ]);
});

Deno.test("a path from a folder that a guest has opened does not leave that folder", () => {
  using bench = new GrantedFolder();
  Deno.mkdirSync(join(bench.granted, "a/b"), { recursive: true });
  Deno.writeTextFileSync(join(bench.granted, "c"), "");
  Deno.symlinkSync("../c", join(bench.granted, "a/up"));
  const place = bench.open();
  const inner = place.open("a", { ...READ, directory: true }) as OpenDirectory;
  assert.equal(inner.infoAt("b/..", true).type, "directory");
  for (const path of ["..", "../c", "b/../../c", "../a/b", "up"]) {
    assert.throws(() => inner.infoAt(path, true), refusedAs("not-permitted"), path);
  }
  assert.deepEqual(bench.denials, [], "no option would grant it");
  assert.equal(place.infoAt("a/up", true).type, "regular-file");
});

Deno.test("a pipe is not opened, since that could last for ever", () => {
  using bench = new GrantedFolder();
  const { success } = new Deno.Command("mkfifo", { args: [join(bench.granted, "pipe")] })
    .outputSync();
  assert(success);
  assert.equal(bench.open().infoAt("pipe", true).type, "unknown");
  assert.throws(() => bench.open().open("pipe", READ), refusedAs("not-permitted"));
});

Deno.test("a file's times are set, each or both, also through its path", () => {
  using bench = new GrantedFolder();
  const place = bench.open();
  const file = place.open("a", { ...READ, create: true, write: true }) as OpenFile;
  file.setTimes({ accessed: 1_000_000_000n, modified: 2_500_000_000n });
  assert.deepEqual([file.info().accessed, file.info().modified], [1_000_000_000n, 2_500_000_000n]);
  place.setTimesAt("a", true, { accessed: undefined, modified: 3_000_000_000n });
  const info = place.infoAt("a", true);
  assert.deepEqual([info.accessed, info.modified], [1_000_000_000n, 3_000_000_000n]);
  const late = { accessed: 2n ** 70n, modified: undefined };
  assert.throws(() => place.setTimesAt("a", true, late), refusedAs("invalid"));
  Deno.symlinkSync("a", join(bench.granted, "link"));
  assert.throws(() => place.setTimesAt("link", false, late), refusedAs("unsupported"));
});

Deno.test("nothing is moved or linked from one mount to another", () => {
  using one = new GrantedFolder();
  using other = new GrantedFolder();
  Deno.writeTextFileSync(join(one.granted, "a"), "");
  assert.throws(() => one.open().rename("a", other.open(), "a"), refusedAs("cross-device"));
  assert.throws(() => one.open().link("a", false, other.open(), "a"), refusedAs("cross-device"));
});

Deno.test("a link itself is not opened, wherever it leads", () => {
  using bench = new GrantedFolder();
  Deno.symlinkSync("../outside/secret", join(bench.granted, "out"));
  Deno.symlinkSync("none", join(bench.granted, "dangling"));
  for (const path of ["out", "dangling"]) {
    for (const write of [false, true]) {
      const options = { ...READ, follow: false, write };
      assert.throws(() => bench.open().open(path, options), refusedAs("loop"));
    }
  }
});
