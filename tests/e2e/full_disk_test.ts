import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, MEDIA_TYPES, randomBytes } from "../support/cache/artifacts.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { mountTest } from "../support/cli/mounts.ts";
import { SmallDisk } from "../support/cli/small_disk.ts";
import { Gate } from "../support/gate.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { until } from "../support/until.ts";
import { guestBytes } from "../support/wasm/components.ts";

const MB = 1_000_000;

function large(size: number, seed: string) {
  return blob(randomBytes(size, seed));
}

const NEW = image([large(3 * MB, "new"), large(500_000, "small")]);

mountTest("pull collects before it fetches what would leave less than gc.min_free", async () => {
  await using small = await SmallDisk.start("7m", "gc: {min_free: 10%}");
  const result = await small.larder("pull", small.registry.add("new", NEW, "v1"));
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /^made room: freed 2\.\d\d MiB, removed 3 entries$/m);
  assert.match(result.stderr, /: fetched 2 layers \(3\.34 MiB\)(?!.*reused [1-9])/);
  assert.deepEqual(await small.names(), ["new:v1", "old3:v1", "old4:v1"]);
  assert.equal(small.registry.downloads(NEW.blobs[1]!).length, 1);
  assertStoreSound(small.root);
});

mountTest("pull collects when the disk fills up in the middle, and continues", async () => {
  await using small = await SmallDisk.start("8m", "gc: {min_free: 0}", { old: 4 });
  const layer = large(3 * MB, "new");
  const reference = small.registry.add("new", image([layer]), "v1");
  const gate = new Gate();
  const path = `GET /v2/new/blobs/${layer.descriptor.digest}`;
  small.registry.fail(path, heldAfter(MB, gate), 1);
  await using running = small.spawn("pull", reference);
  await gate.reachedBy(running.result);
  const partial = join(small.root, "partial", layer.descriptor.digest);
  const hasStarted = () => filesBelow(join(small.root, "partial")).includes(partial);
  await until(() => hasStarted() && Deno.statSync(partial).size >= MB, running.result);
  fill(join(small.disk.path, "ballast"), 100_000);
  gate.open();
  const { code, stderr } = await running.result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^made room: freed .*, removed [23] entries$/m);
  assert.match(stderr, /: fetched 1 layer \(2\.86 MiB\)(?!.*reused [1-9])/);
  const ranges = small.registry.requests(path).map(({ headers }) => headers.get("range"));
  assert.equal(ranges.length, 2);
  assert.match(ranges[1]!, /^bytes=[1-9]\d{6}-/);
  assertStoreSound(small.root);
});

mountTest("pull collects for the files of an archive, which take much more than it", async () => {
  await using small = await SmallDisk.start("10m", "gc: {min_free: 0}", { old: 8 });
  const zeros = "0".repeat(7 * MB);
  const app = await spinApp({ files: { "a.txt": "a" }, archived: { "zeros.txt": zeros } });
  const { code, stderr } = await small.larder("pull", small.registry.add("app", app, "v1"));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^made room: freed /m);
  assert.ok((await small.names()).includes("app:v1"));
  assertStoreSound(small.root);
});

mountTest("pull keeps the layers that it reuses when it makes room", async () => {
  await using small = await SmallDisk.start("7m", "gc: {min_free: 5%}", { old: 4 });
  const shared = large(MB, "shared");
  await small.pullOld("base", image([shared]), 30);
  const artifact = image([shared, large(2_500_000, "new")]);
  const result = await small.larder("pull", small.registry.add("new", artifact, "v1"));
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /^made room/m);
  assert.match(result.stderr, /reused 1 layer \(976\.56 KiB\)/);
  assert.equal(small.registry.downloads(shared).length, 1);
  assertStoreSound(small.root);
});

mountTest("pull larger than the disk or than gc.max_size removes nothing in vain", async () => {
  for (const config of ["gc: {min_free: 10%}", "gc: {max_size: 4MB}"]) {
    await using small = await SmallDisk.start("7m", config, { old: 3 });
    const artifact = image([large(config.includes("max") ? 4_100_000 : 8 * MB, "huge")]);
    const { code, stderr } = await small.larder("pull", small.registry.add("new", artifact, "v1"));
    assert.equal(code, config.includes("max") ? 0 : 7, stderr);
    assert.doesNotMatch(stderr, /removed/);
    const old = (await small.names()).filter((name) => name.startsWith("old"));
    assert.deepEqual(old, ["old0:v1", "old1:v1", "old2:v1"]);
  }
});

mountTest(
  "pull on a full disk without limits says what gc could free, as df does, and what to type",
  async () => {
    for (const config of ["{}", "gc: {min_free: 10%, auto: false}"]) {
      await using small = await SmallDisk.start("7m", config);
      const reference = small.registry.add("new", NEW, "v1");
      const { code, stderr } = await small.larder("pull", reference);
      assert.equal(code, 7);
      assert.equal((await small.names()).length, 5);
      const [, could, command] =
        /^hint: larder gc could free up to (.*): type larder (gc .*)$/m.exec(stderr) ?? [];
      assert.ok(could && command, stderr);
      const df = await small.quick("df");
      assert.match(df.stderr, new RegExp(`could free up to ${could}$`, "m"));
      const gc = await small.quick(...command.split(" "), "--force");
      assert.equal(gc.code, 0, gc.stderr);
      const again = await small.quick("pull", reference);
      assert.equal(again.code, 0, again.stderr);
      assertStoreSound(small.root);
    }
  },
);

mountTest("pull on a disk full of young entries says that clean frees enough", async () => {
  await using small = await SmallDisk.start("7m", "{}", { old: 0 });
  for (let i = 0; i < 5; i++) await small.pullOld(`new${i}`, image([large(MB, `${i}`)]), 0);
  const reference = small.registry.add("new", NEW, "v1");
  const { code, stderr } = await small.larder("pull", reference);
  assert.equal(code, 7);
  const [, list, clean] =
    /^hint: larder gc can free nothing now; larder clean can free enough: larder (.*) lists the entries, larder (.*) removes one$/m
      .exec(stderr) ?? [];
  assert.ok(list && clean, stderr);
  const listed = await small.quick(...list.split(" "));
  assert.match(listed.stdout, /\/new0:v1 .*\/new4:v1 /s);
  for (const name of (await small.names()).slice(0, 3)) {
    const reference = small.registry.reference(...name.split(":") as [string, string]);
    const args = clean.replace("NAME", reference).split(" ");
    const cleaned = await small.quick(...args, "--force");
    assert.equal(cleaned.code, 0, cleaned.stderr);
  }
  const again = await small.larder("pull", reference);
  assert.equal(again.code, 0, again.stderr);
});

mountTest("pull on a disk without inodes says so, and makes room within the limits", async () => {
  const options = { options: ["nr_inodes=60"] };
  {
    await using small = await SmallDisk.start("30m", "{}", options);
    const { code, stderr } = await small.larder("pull", small.registry.add("new", NEW, "v1"));
    assert.equal(code, 7);
    assert.match(
      stderr,
      /: the disk has no inodes left \[LDR_DISK_FULL\]\nhint: larder gc could remove 5 entries: type larder gc --max-count 2 /,
    );
  }
  await using small = await SmallDisk.start("30m", "gc: {min_free: 10%}", options);
  const { code, stderr } = await small.larder("pull", small.registry.add("new", NEW, "v1"));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^made room: .* removed \d entries$/m);
  assertStoreSound(small.root);
});

mountTest(
  "two pulls that both find the disk full make room without waiting for each other",
  async () => {
    await using small = await SmallDisk.start("8m", "gc: {min_free: 0}", { old: 6 });
    const references = ["x", "y"].map((name) =>
      small.registry.add(name, image([large(2_500_000, name)]), "v1")
    );
    const results = await Promise.all(references.map((each) => small.larder("pull", each)));
    for (const { code, stderr } of results) assert.equal(code, 0, stderr);
    const names = await small.names();
    assert.ok(names.includes("x:v1") && names.includes("y:v1"), names.join());
    assertStoreSound(small.root);
  },
);

mountTest("run makes room for what it pulls and compiles", async () => {
  await using small = await SmallDisk.start("8m", "gc: {min_free: 0}", { old: 7 });
  const bytes = await guestBytes("command_cases");
  const component = image([blob(bytes, MEDIA_TYPES.wasm)]);
  fill(join(small.disk.path, "ballast"), 40_000);
  const reference = small.registry.add("app", component, "v1");
  const result = await small.larder("run", reference, "exit", "0");
  assert.match(result.stderr, /^made room: /m);
  assert.doesNotMatch(result.stderr, /cannot store the compiled form/);
  assert.ok(filesBelow(join(small.root, "compiled")).length > 0);
  assertStoreSound(small.root);
});

/** Fills a disk except for some bytes. */
function fill(path: string, left: number): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const zeros = new Uint8Array(4096);
  try {
    for (;;) file.writeSync(zeros);
  } catch {
    // The disk is full.
  }
  file.truncateSync(Math.max(0, file.statSync().size - left));
}

mountTest("serve makes room within the limits for what it fetches", async (t) => {
  for (const config of ["gc: {min_free: 10%}", "gc: {max_count: 2}"]) {
    await t.step(config, () => serveOnSmallDisk(config));
  }
});

async function serveOnSmallDisk(config: string): Promise<void> {
  await using small = await SmallDisk.start("7m", config);
  const name = small.registry.add("new", NEW, "v1").replace(/:v1$/, "");
  await using serving = small.spawn("serve", "--listen", "127.0.0.1:0", "--allow", "127.0.0.1:*");
  await serving.said("Serving ");
  const url = /^Serving .* at (http:\S+)$/m.exec(serving.stderr)![1]!;
  const bytesOf = async (path: string) => {
    const response = await fetch(`${url}/v2/${name}/${path}`);
    assert.equal(response.status, 200, path);
    return new Uint8Array(await response.arrayBuffer());
  };
  assert.deepEqual(await bytesOf("manifests/v1"), NEW.bytes);
  const blobs = NEW.blobs.map(async ({ descriptor, bytes }) => {
    assert.deepEqual(await bytesOf(`blobs/${descriptor.digest}`), bytes);
  });
  await Promise.all(blobs);
  serving.kill("SIGTERM");
  const { code, stderr } = await serving.result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^made room: freed/m);
  assert.doesNotMatch(stderr, /cannot keep/);
  const left = await small.names();
  assert.ok(left.includes("new:v1") && left.length < 6, String(left));
  assertStoreSound(small.root);
}

mountTest(
  "what does not fit is served, and does not keep other content out of the cache",
  async () => {
    await using small = await SmallDisk.start("8m", "{}");
    const [huge, little] = [image([large(9_000_000, "huge")]), image([large(500_000, "little")])];
    await using serving = small.spawn("serve", "--listen", "127.0.0.1:0", "--allow", "127.0.0.1:*");
    await serving.said("Serving ");
    const url = /^Serving .* at (http:\S+)$/m.exec(serving.stderr)![1]!;
    for (const [name, artifact] of [["huge", huge], ["little", little]] as const) {
      const path = `${url}/v2/${small.registry.add(name, artifact, "v1").replace(/:v1$/, "")}`;
      await (await fetch(`${path}/manifests/v1`)).body?.cancel();
      for (const { descriptor: { digest }, bytes } of artifact.blobs) {
        const response = await fetch(`${path}/blobs/${digest}`);
        assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
      }
    }
    serving.kill("SIGTERM");
    const { stderr } = await serving.result;
    const kept = (artifact: typeof huge) =>
      artifact.blobs.map(({ descriptor: { digest } }) => stderr.includes(`cannot keep ${digest}`));
    assert.ok(kept(huge).includes(true), stderr);
    assert.deepEqual(kept(little), kept(little).map(() => false), stderr);
    assertStoreSound(small.root);
  },
);
