import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { assertBlobsSound, assertNoStrayFiles, filesBelow } from "../support/cache/store_check.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { type Running, TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { debBytes, digestOfBytes, FileServer } from "../support/registry/file_server.ts";
import { until } from "../support/until.ts";

const PATH = "/debian/pool/hello_2.10-3_amd64.deb";
const HELLO = debBytes(3 * 1024 * 1024);
const HALF = HELLO.length / 2;

/** Starts a fetch that stops in the middle of the package until the gate is opened. */
async function fetchHalf(
  server: FileServer,
  user: TestUser,
  gate: Gate,
  args: string[],
): Promise<Running> {
  server.fail(PATH, heldAfter(HALF, gate), 1);
  const running = user.spawn(["fetch", ...args]);
  await gate.reachedBy(running.result);
  const hasHalf = () =>
    filesBelow(join(user.registry, "partial")).some((path) => Deno.statSync(path).size >= HALF);
  await until(hasHalf, running.result);
  return running;
}

async function assertFetched(user: TestUser, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await user.larder(["fetch", ...args]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(Deno.readFileSync(stdout.trim()), HELLO);
  assertBlobsSound(user.registry);
  assertNoStrayFiles(user.registry);
}

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  for (const digest of [undefined, digestOfBytes(HELLO)]) {
    const what = digest ? "known" : "unknown";
    Deno.test(`fetch continues a package of ${what} digest after ${signal}`, async () => {
      await using server = await FileServer.start();
      using user = new TestUser();
      const gate = new Gate();
      const args = [server.add(PATH, HELLO), ...digest ? ["--digest", digest] : []];
      await using running = await fetchHalf(server, user, gate, args);
      running.kill(signal);
      const { code, stderr } = await running.result;
      gate.open();
      if (signal === "SIGINT") {
        assert.equal(code, 130, stderr);
        assert.match(stderr, /continues the partial downloads/);
      }
      await assertFetched(user, args);
      const ranges = server.requests().map(({ headers }) => headers.get("range"));
      assert.deepEqual(ranges, [null, `bytes=${HALF}-`]);
    });
  }
}

Deno.test("fetch starts over after a kill if the server has another version of the package", async () => {
  await using server = await FileServer.start();
  using user = new TestUser();
  const gate = new Gate();
  const url = server.add(PATH, debBytes(HELLO.length, 9));
  await using running = await fetchHalf(server, user, gate, [url]);
  running.kill();
  await running.result;
  gate.open();
  server.add(PATH, HELLO);
  await assertFetched(user, [url]);
});

Deno.test("fetch waits for another process that fetches the same package", async () => {
  await using server = await FileServer.start();
  using user = new TestUser();
  const gate = new Gate();
  const url = server.add(PATH, HELLO);
  await using first = await fetchHalf(server, user, gate, [url]);
  await using second = user.spawn(["fetch", url]);
  await second.said("waiting for");
  gate.open();
  const results = await Promise.all([first.result, second.result]);
  for (const { code, stderr } of results) assert.equal(code, 0, stderr);
  assert.equal(results[0].stdout, results[1].stdout);
  assert.equal(server.requests().length, 1);
  assertNoStrayFiles(user.registry);
});

mountTest("fetch on a full disk makes room within the limits, and goes on", async () => {
  await using server = await FileServer.start();
  await using disk = await MountedFolder.tmpfs("7m");
  using user = new TestUser();
  const config = user.write("config.yaml", { gc: { min_free: 0 } });
  const larder = async (...args: string[]) => {
    const all = ["--cache-dir", disk.path, "--config", config, ...args];
    const { code, stdout, stderr } = await user.larder(all);
    assert.equal(code, 0, stderr);
    return stdout.trim().split("\n");
  };
  const add = (name: string, size: number) =>
    server.add(`/${name}_1_all.deb`, debBytes(size, size % 97));
  await larder("fetch", add("old", 3_000_000), add("older", 500_000));
  const past = new Date(Date.now() - 86_400_000);
  for (const path of filesBelow(disk.path)) Deno.utimeSync(path, past, past);
  const paths = await larder("fetch", add("new", 3_100_000), add("newer", 1_100_000));
  assert.deepEqual(paths.map((path) => Deno.statSync(path).size), [3_100_000, 1_100_000]);
  const names = await larder("list", "--format", "{{name}}");
  const kept = names.map((name) => name.split("/").at(-3)!);
  assert.ok(kept.includes("new") && kept.includes("newer") && kept.length < 4, kept.join());
});

mountTest(
  "fetch does not download a package again for whose record alone there was no room",
  async () => {
    await using server = await FileServer.start();
    await using disk = await MountedFolder.tmpfs("4m");
    using user = new TestUser();
    const config = user.write("config.yaml", { gc: { min_free: 0 } });
    const fetch = (url: string) =>
      user.larder(["--cache-dir", disk.path, "--config", config, "fetch", url]);
    await fetch(server.add("/old_1_all.deb", debBytes(300_000)));
    const past = new Date(Date.now() - 86_400_000);
    for (const path of filesBelow(disk.path)) Deno.utimeSync(path, past, past);
    const size = 100 * 4096;
    const { bavail, bsize } = statfsSync(disk.path);
    Deno.writeFileSync(join(disk.path, "ballast"), new Uint8Array(bavail * bsize - size));
    const { code, stdout, stderr } = await fetch(server.add("/new_1_all.deb", debBytes(size, 2)));
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^made room: freed .*, removed 1 entry\nfetched 1 package \(400\.00 KiB\)/m,
    );
    assert.equal(Deno.statSync(stdout.trim()).size, size);
    assert.equal(server.requests("/new").length, 1);
  },
);
