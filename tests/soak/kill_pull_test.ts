import assert from "node:assert/strict";
import {
  type Artifact,
  blob,
  HOST_PLATFORM,
  image,
  index,
  MEDIA_TYPES,
  platformOf,
  randomBytes,
} from "../support/cache/artifacts.ts";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import {
  assertNoStrayFiles,
  assertStoreSound,
  assertUnpacked,
} from "../support/cache/store_check.ts";
import { pull } from "../support/cache/user_cache.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const SMALL = blob(randomBytes(1024, "small"));
const CHILD = image([blob(randomBytes(256 * 1024, "big")), SMALL]);
const APP = index([{ artifact: CHILD, platform: platformOf(HOST_PLATFORM) }]);

/** The artifact of a tag in the pull before, in the pull that is killed and in the pull afterwards. */
interface KillCase {
  readonly name: string;
  readonly before?: Artifact;
  readonly killed: Artifact;
  readonly last: Artifact;
}

/** Kills a pull at its first call of a kind, the next one at its second, and so on until one is not killed. */
async function killAtEvery(calls: string, { before, killed, last }: KillCase): Promise<void> {
  await using registry = await TestRegistry.start();
  let nth = 0;
  for (let wasKilled = true; wasKilled;) {
    using user = new QuickUser();
    if (before) await pull(user, registry.add("app", before, "v1"));
    const reference = registry.add("app", killed, "v1");
    const args = ["pull", "--transfers", "1", reference];
    wasKilled = await larderKilledAt(user, args, calls, ++nth);
    assertStoreSound(user.registry, { midway: true });
    assertUnpacked(user.registry, archivesOf(killed));
    registry.add("app", last, "v1");
    const result = await user.larder(["pull", reference]);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stdout, `${reference}@${last.descriptor.digest}\n`);
    assertStoreSound(user.registry);
    if (last === killed) assertNoStrayFiles(user.registry);
  }
  assert.ok(nth > 1, "nothing was killed, so nothing was tested");
}

function archivesOf({ blobs }: Artifact): Uint8Array[] {
  return blobs.filter(({ descriptor }) => descriptor.mediaType === MEDIA_TYPES.spinArchive)
    .map(({ bytes }) => bytes);
}

const OLD = image(["old", "shared"]);
const NEW = image([SMALL, "shared"]);
const SPIN = await spinApp({ archived: { "a.txt": "one", "b.txt": "two" } });

const cases: KillCase[] = [
  { name: "a first pull", killed: APP, last: APP },
  { name: "a pull of a Spin app", killed: SPIN, last: SPIN },
  { name: "a pull after the tag moved", before: OLD, killed: NEW, last: NEW },
  { name: "a pull whose tag moves back afterwards", before: OLD, killed: NEW, last: OLD },
];
for (const calls of ["rename,renameat,renameat2", "fsync,fdatasync"]) {
  for (const each of cases) {
    killTest(
      `pull succeeds after ${each.name} was killed at any ${calls.split(",")[0]}`,
      () => killAtEvery(calls, each),
    );
  }
}
