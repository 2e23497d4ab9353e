import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { blob, image, MEDIA_TYPES } from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { tarGzipOf, tarMember } from "../support/tar_writer.ts";

const GOOD = { name: "good.txt", content: "good" };

/** Returns 100 MiB of zeros, gzipped to about 100 KiB. */
function bomb(): Uint8Array {
  const content = new Uint8Array(100 * 1024 * 1024);
  return gzipSync(tarMember({ name: "zeros", content }));
}

const HOSTILE: [string, Uint8Array][] = [
  ["a path out of the folder", tarGzipOf(GOOD, { name: "../../../evil", content: "evil" })],
  ["an absolute path", tarGzipOf(GOOD, { name: "/tmp/larder-evil", content: "evil" })],
  [
    "a symbolic link",
    tarGzipOf({ name: "out", type: "2", link: "../.." }, { name: "out/evil", content: "evil" }),
  ],
  ["a hard link", tarGzipOf(GOOD, { name: "evil", type: "1", link: "../../../../.profile" })],
  ["a device", tarGzipOf(GOOD, { name: "evil", type: "3" })],
  ["a gzip bomb", bomb()],
  ["not gzip", new TextEncoder().encode("not an archive")],
];

Deno.test("pull exits with 1 on a hostile archive and keeps the cached entry", async (t) => {
  for (const [name, archive] of HOSTILE) {
    await t.step(name, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      user.write(".profile", "of the user");
      const old = await spinApp({ archived: { "a.txt": "old" } });
      const reference = registry.add("app", old, "v1");
      const first = await user.larder(["pull", reference]);
      assert.equal(first.code, 0, first.stderr);
      const outside = filesOutside(user);

      const wasm = blob("wasm", MEDIA_TYPES.spinWasm);
      registry.add("app", image([wasm, blob(archive, MEDIA_TYPES.spinArchive)]), "v1");
      const { code, stdout, stderr } = await user.larder(["pull", reference]);
      assert.equal(code, 1, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^error: bad archive .*\[LDR_BAD_ARCHIVE\]\nhint: .+\n$/m);
      assert.deepEqual(filesOutside(user), outside);
      assertStoreSound(user.registry);
      const offline = await user.larder(["pull", "--offline", reference]);
      assert.equal(offline.code, 0, offline.stderr);
      assert.equal(offline.stdout, `${reference}@${old.descriptor.digest}\n`);

      registry.add("app", old, "v1");
      const repaired = await user.larder(["pull", reference]);
      assert.equal(repaired.code, 0, repaired.stderr);
      assertStoreSound(user.registry);
    });
  }
});

/** Returns the files of the home folder that are not in the registry folder. */
function filesOutside(user: TestUser): string[] {
  return filesBelow(user.home).filter((path) => !path.startsWith(user.registry));
}
