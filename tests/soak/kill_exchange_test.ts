import assert from "node:assert/strict";
import { blob, image, MEDIA_TYPES, randomBytes } from "../support/cache/artifacts.ts";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import type { TestUser } from "../support/cli/test_user.ts";
import { debBytes, FileServer } from "../support/registry/file_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const APP = image([
  blob(randomBytes(300_000), MEDIA_TYPES.ociLayer),
  blob(randomBytes(900, "small"), MEDIA_TYPES.ociLayer),
]);

/** The system calls that change the cache or the bundle. */
const CALLS = [
  "rename,renameat,renameat2",
  "unlink,unlinkat,rmdir",
  "fsync,fdatasync",
  "ftruncate",
];

/** A user whose cache has an image, a package and a build, and their names. */
async function filled(): Promise<{ user: QuickUser; names: string[] }> {
  await using registry = await TestRegistry.start();
  await using server = await FileServer.start();
  const user = new QuickUser();
  await good(user, "pull", registry.add("app", APP, "v1"));
  await good(user, "fetch", server.add("/hello_1_all.deb", debBytes(200_000)));
  await good(user, "build", "--sandbox", "none", "-o", "made", "--", "sh", "-c", BUILD);
  return { user, names: await listed(user) };
}

const BUILD = "echo built > $LARDER_OUTPUT";

async function good(user: QuickUser | TestUser, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await user.larder(args);
  assert.equal(code, 0, `larder ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function listed(user: QuickUser | TestUser): Promise<string[]> {
  return (await good(user, "list", "--format", "{{name}}")).trim().split("\n").sort();
}

for (const calls of CALLS) {
  const [name] = calls.split(",");
  killTest(`import succeeds after one was killed at any ${name}`, async () => {
    const { user: source, names } = await filled();
    using from = source;
    await good(from, "export", ...names, from.path("all.tar"));
    for (let nth = 1, wasKilled = true; wasKilled; nth++) {
      using user = new QuickUser();
      const args = ["import", from.path("all.tar")];
      wasKilled = await larderKilledAt(user, args, calls, nth);
      if (wasKilled) assertStoreSound(user.registry, { midway: true });
      await good(user, ...args);
      assertStoreSound(user.registry);
      assertNoStrayFiles(user.registry);
      assert.deepEqual(await listed(user), names);
      await good(user, "verify");
    }
  });

  killTest(`export succeeds after one was killed at any ${name}`, async () => {
    const { user: source, names } = await filled();
    using from = source;
    for (const path of ["all", "all.tar"]) {
      for (let nth = 1, wasKilled = true; wasKilled; nth++) {
        using user = new QuickUser();
        const args = ["--cache-dir", from.cache, "export", "--force", ...names];
        wasKilled = await larderKilledAt(user, [...args, user.path(path)], calls, nth);
        await good(user, ...args, user.path(path));
        const left = filesBelow(user.home).filter((each) => each.includes(".tmp"));
        assert.deepEqual(left, []);
        await good(user, "import", user.path(path));
        assert.deepEqual(await listed(user), names);
      }
    }
  });
}
