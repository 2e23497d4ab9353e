import assert from "node:assert/strict";
import { blob } from "../support/cache/artifacts.ts";
import { flipBit, invalidateJson } from "../support/cache/damage.ts";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { blobPath, entryPath, pull } from "../support/cache/user_cache.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const UNPACKED = blob("two");
const SPIN = await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } });

for (const calls of ["unlink,unlinkat", "rename,renameat,renameat2"]) {
  killTest(
    `verify --repair succeeds after a repair was killed at any ${calls.split(",")[0]}`,
    async () => {
      await using registry = await TestRegistry.start();
      let nth = 0;
      for (let wasKilled = true; wasKilled;) {
        using user = new QuickUser();
        await pull(user, registry.add("app", SPIN, "v1"));
        for (const file of [SPIN.blobs[1]!, SPIN.blobs[2]!, UNPACKED]) {
          flipBit(blobPath(user, file));
        }
        for (const name of ["config.json", "manifest.json"]) {
          invalidateJson(entryPath(user, registry, "v1", name));
        }
        wasKilled = await larderKilledAt(user, ["verify", "--repair"], calls, ++nth);
        // A temporary file may remain; gc removes it.
        assert.equal((await user.larder(["verify", "--repair"])).code, 0);
        assertStoreSound(user.registry);
        assert.equal((await user.larder(["verify"])).code, 0);
      }
      assert.ok(nth > 2, "nothing was killed, so nothing was tested");
    },
  );
}
