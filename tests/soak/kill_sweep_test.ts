import assert from "node:assert/strict";
import { type Artifact, image, MEDIA_TYPES, multiPlatform } from "../support/cache/artifacts.ts";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  assertUnpacked,
} from "../support/cache/store_check.ts";
import { bytesOf, names, pull } from "../support/cache/user_cache.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const ONE = image(["shared", "one"]);

const removed: readonly [name: string, artifact: Artifact][] = [
  ["an index", multiPlatform("linux/amd64")],
  ["a Spin app", await spinApp({ archived: { "a.txt": "one" } })],
];

for (const [name, artifact] of removed) {
  killTest(
    `clean and pull succeed after a sweep of ${name} was killed at any deletion`,
    async () => {
      await using registry = await TestRegistry.start();
      const kept = registry.add("kept", ONE, "v1");
      const swept = registry.add("swept", artifact, "v1");
      const archives = artifact.blobs
        .filter(({ descriptor }) => descriptor.mediaType === MEDIA_TYPES.spinArchive)
        .map(({ bytes }) => bytes);
      let nth = 0;
      for (let wasKilled = true; wasKilled;) {
        using user = new QuickUser();
        await pull(user, kept, swept);
        const args = ["clean", "--force", "*/swept:*"];
        wasKilled = await larderKilledAt(user, args, "unlink,unlinkat,rmdir", ++nth);
        assertUnpacked(user.registry, archives);
        assert.ok((await names(user)).includes(kept));
        const offline = await user.larder(["pull", "--offline", kept]);
        assert.equal(offline.code, 0, offline.stderr);
        if (nth % 2 === 0) {
          await pull(user, swept);
          assert.deepEqual(await names(user), [swept, kept].sort());
        }
        assertStoreSound(user.registry);
        const cleared = await user.larder(["clean", "--force"]);
        assert.equal(cleared.code, 0, cleared.stderr);
        assert.equal(bytesOf(user), 0);
        assertNoStrayFiles(user.registry);
      }
      assert.ok(nth > 5, "hardly anything was killed or tested");
    },
  );
}
