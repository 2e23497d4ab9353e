import assert from "node:assert/strict";
import { join } from "node:path";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { assertBlobsSound, filesBelow } from "../support/cache/store_check.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import { debBytes, FileServer } from "../support/registry/file_server.ts";

const BIG = debBytes(1536 * 1024);
const SMALL = debBytes(5000, 2);

/** Kills a fetch at its first call of a kind, the next one at its second, and so on until one is not killed. */
async function killAtEvery(calls: string): Promise<void> {
  await using server = await FileServer.start();
  const urls = [server.add("/big_1_all.deb", BIG), server.add("/small_1_all.deb", SMALL)];
  let nth = 0;
  for (let wasKilled = true; wasKilled;) {
    using user = new QuickUser();
    const to = user.path("debs");
    const args = ["fetch", "--transfers", "1", ...urls, "--to", to];
    wasKilled = await larderKilledAt(user, args, calls, ++nth);
    assertBlobsSound(user.registry);
    const { code, stderr } = await user.larder(args);
    assert.equal(code, 0, stderr);
    assertBlobsSound(user.registry);
    assert.deepEqual(filesBelow(join(user.registry, "partial")), []);
    assert.deepEqual(filesBelow(join(user.registry, "packages")).length, 2);
    assert.deepEqual(filesBelow(to), [join(to, "big_1_all.deb"), join(to, "small_1_all.deb")]);
    assert.deepEqual(Deno.readFileSync(join(to, "big_1_all.deb")), BIG);
    assert.deepEqual(Deno.readFileSync(join(to, "small_1_all.deb")), SMALL);
  }
  assert.ok(nth > 1, "nothing was killed, so nothing was tested");
}

for (const calls of ["rename,renameat,renameat2", "unlink,unlinkat", "ftruncate"]) {
  const [name] = calls.split(",");
  killTest(`fetch succeeds after one was killed at any ${name}`, () => killAtEvery(calls));
}
