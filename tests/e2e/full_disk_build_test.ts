import assert from "node:assert/strict";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { mountTest } from "../support/cli/mounts.ts";
import { SmallDisk } from "../support/cli/small_disk.ts";
import { S3Server } from "../support/registry/s3_server.ts";

const SIZE = 3_000_000;

/** The arguments of a build that writes a file, and a line for each run of its command. */
function buildOf(small: SmallDisk, size = SIZE): string[] {
  const script = `echo run >> "$LOG"; head -c ${size} /dev/urandom > "$LARDER_OUTPUT"`;
  const own = ["--sandbox", "none", "--env", `LOG=${small.path("log")}`, "-o", small.path("out")];
  return ["build", ...own, "--", "sh", "-c", script];
}

function runsOf(small: SmallDisk): number {
  return Deno.readTextFileSync(small.path("log")).trim().split("\n").length;
}

mountTest(
  "build whose command fills the disk makes room within the limits, and repeats it",
  async (t) => {
    for (const config of ["gc: {min_free: 0}", "gc: {max_size: 6MB}"]) {
      await t.step(config, async () => {
        await using small = await SmallDisk.start("7m", config);
        const { code, stderr } = await small.larder(...buildOf(small));
        assert.equal(code, 0, stderr);
        assert.match(stderr, /^made room: freed .* removed [1-5] entr(y|ies)$/m);
        assert.match(stderr, /^building out again: the disk was full$/m);
        assert.equal(Deno.statSync(small.path("out")).size, SIZE);
        assert.equal(runsOf(small), 2);
        assertStoreSound(small.root);
      });
    }
  },
);

mountTest("build makes room for a copy of its inputs", async () => {
  await using small = await SmallDisk.start("7m", "gc: {min_free: 0}");
  Deno.writeFileSync(small.path("input"), new Uint8Array(SIZE));
  const { code, stderr } = await small.larder(
    ...["build", "--sandbox", "none", "-i", small.path("input"), "-o", small.path("out")],
    ...["--", "sh", "-c", 'echo done > "$LARDER_OUTPUT"'],
  );
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^made room: /m);
  assertStoreSound(small.root);
});

mountTest(
  "build on a full disk says what gc could free, and does not repeat its command in vain",
  async () => {
    for (
      const [config, old, size] of [["{}", 5, SIZE], ["gc: {min_free: 0}", 0, 3 * SIZE]] as const
    ) {
      await using small = await SmallDisk.start("7m", config, { old });
      const { code, stderr } = await small.larder(...buildOf(small, size));
      assert.equal(code, 7, stderr);
      assert.match(
        stderr,
        /^error: the command of out failed, and the disk of .* is full \[LDR_DISK_FULL\]$/m,
      );
      assert.match(
        stderr,
        old > 0 ? /^hint: larder gc could free up to .*: type larder gc/m : /^hint: /m,
      );
      assert.equal(runsOf(small), 1);
      assert.equal((await small.names()).filter((name) => name !== "").length, old);
      assertStoreSound(small.root);
    }
  },
);

mountTest("build makes room for a result of the shared cache", async () => {
  await using s3 = await S3Server.start();
  await using small = await SmallDisk.start("7m", "{}", { old: 0 });
  small.env = s3.environment;
  Deno.writeTextFileSync(small.path("key"), "a key of more than thirty-two bytes\n");
  const shared = s3.settings({ key_file: small.path("key"), write: true });
  small.config(JSON.stringify({ shared }));
  const built = await small.quick(...buildOf(small));
  assert.equal(built.code, 0, built.stderr);
  Deno.removeSync(small.root, { recursive: true });
  small.config("{}");
  await small.addOld(5);
  small.config(JSON.stringify({ shared, gc: { min_free: "0" } }));
  const { code, stderr } = await small.larder(...buildOf(small));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^made room: freed /m);
  assert.match(stderr, /^Use build from cache: out .* \(shared\)$/m);
  assert.equal(runsOf(small), 1);
  assertStoreSound(small.root);
});
