import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { childEnvironment } from "../../support/cli/environment.ts";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files/files.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { Layout } from "../../../src/store/layout.ts";
import { formatLease, parseLease } from "../../../src/store/locks/lease_format.ts";
import { liveLeases } from "../../../src/store/locks/leases.ts";
import { filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { takeLease } from "../../support/cache/take_lease.ts";
import { DAY } from "../../support/cache/test_cache.ts";
import { MountedFolder, mountTest } from "../../support/cli/mounts.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const HOLDER = fileURLToPath(new URL("../../support/cache/lease_holder.ts", import.meta.url));
const digest = (seed: number) => digestOf(sampleBytes(9, seed));

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly folder = this.layout.tagFolder(parseReference("ghcr.io/acme/app:v1"), "v1");

  files(): string[] {
    return filesIn(this.layout.leases);
  }

  /** Writes a lease file as a killed process leaves it. */
  leave(name: string, content = "{}", modified = Date.now()): string {
    ensureFolder(this.layout.leases);
    const path = join(this.layout.leases, name);
    Deno.writeTextFileSync(path, content);
    Deno.utimeSync(path, new Date(modified), new Date(modified));
    return path;
  }

  /** Starts a process that leases a blob. */
  start(mode: string, blob: Digest): Deno.ChildProcess {
    const args = ["run", "-A", "--no-check", "--quiet", HOLDER, this.layout.root, mode, blob];
    return new Deno.Command(Deno.execPath(), {
      args,
      clearEnv: true,
      env: childEnvironment(),
      stdin: "null",
      stdout: "piped",
    }).spawn();
  }
}

/** Runs `body` as if the file system, or the runtime, could not try a lock. */
function withoutLocks(kind: "file system" | "runtime", body: () => void): void {
  const prototype = Deno.FsFile.prototype;
  const own = prototype.tryLockSync;
  const unsupported = () => {
    throw new Deno.errors.NotSupported("no locks here");
  };
  Object.assign(prototype, { tryLockSync: kind === "runtime" ? undefined : unsupported });
  try {
    body();
  } finally {
    prototype.tryLockSync = own;
  }
}

Deno.test("liveLeases returns a lease until it is released", async () => {
  using fixture = new Fixture();
  const lease = await takeLease(fixture.layout, "larder run ghcr.io/acme/app:v1", {
    folders: [fixture.folder],
    digests: [digest(1), digest(2), digest(1)],
  });
  const [content, ...others] = liveLeases(fixture.layout);
  assert.deepEqual(others, []);
  assert.deepEqual(content, {
    pid: Deno.pid,
    command: "larder run ghcr.io/acme/app:v1",
    startedAt: content!.startedAt,
    folders: [fixture.folder],
    digests: [digest(1), digest(2)],
  });
  assert.ok(Math.abs(Date.parse(content!.startedAt) - Date.now()) < DAY);
  lease.release();
  assert.deepEqual([liveLeases(fixture.layout), fixture.files()], [[], []]);
});

Deno.test("Lease.add leases more, and disposal releases everything", async () => {
  using fixture = new Fixture();
  {
    using lease = await takeLease(fixture.layout, "a test", { digests: [digest(1)] });
    await lease.add({ digests: [digest(2)], folders: [fixture.folder] });
    const live = liveLeases(fixture.layout);
    assert.deepEqual(live.flatMap((l) => l.digests).sort(), [digest(1), digest(2)].sort());
    assert.deepEqual(live.flatMap((l) => l.folders), [fixture.folder]);
  }
  assert.deepEqual(fixture.files(), []);
});

Deno.test("Lease.add rejects a folder that is not one of an entry", async () => {
  using fixture = new Fixture();
  for (const folder of [fixture.path, fixture.layout.root, fixture.layout.tree("data"), "/"]) {
    await assert.rejects(
      takeLease(fixture.layout, "a test", { folders: [folder] }),
      /not the folder/,
    );
  }
  assert.deepEqual(fixture.files(), []);
});

Deno.test("liveLeases removes the lease of a killed process", async () => {
  using fixture = new Fixture();
  await using child = fixture.start("hold", digest(3));
  const reader = child.stdout.getReader();
  await reader.read();
  assert.deepEqual(liveLeases(fixture.layout).map((l) => [l.pid, l.digests]), [[child.pid, [
    digest(3),
  ]]]);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  assert.equal(fixture.files().length, 1);
  assert.deepEqual([liveLeases(fixture.layout), fixture.files()], [[], []]);
});

Deno.test("liveLeases never misses or misreads leases that change concurrently", async () => {
  using fixture = new Fixture();
  const children = [1, 2].map((seed) => fixture.start("churn", digest(seed)));
  let running = true;
  const ends = Promise.all(children.map((child) => child.output())).finally(() => running = false);
  while (running) {
    for (const lease of liveLeases(fixture.layout)) assert.equal(lease.digests.length, 1);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.deepEqual((await ends).map(({ code }) => code), [0, 0]);
  assert.deepEqual(fixture.files(), []);
});

Deno.test("Lease.add works after the cache was deleted", async () => {
  using fixture = new Fixture();
  const lease = await takeLease(fixture.layout, "a test", { digests: [digest(1)] });
  Deno.removeSync(fixture.layout.root, { recursive: true });
  assert.deepEqual(liveLeases(fixture.layout), []);
  await lease.add({ digests: [digest(2)] });
  assert.deepEqual(liveLeases(fixture.layout).map((l) => l.digests), [[digest(2)]]);
  lease.release();
  lease.release();
  assert.deepEqual(fixture.files(), []);
});

Deno.test("liveLeases removes files of killed processes, and no other files", () => {
  using fixture = new Fixture();
  const id = crypto.randomUUID();
  fixture.leave(`77-${id}.json`, "half a le");
  fixture.leave(`77-${id}.new`);
  for (const name of ["notes.txt", `x-${id}.json`, `0-${id}.json`, `77-${id}.json.bak`]) {
    fixture.leave(name);
  }
  Deno.mkdirSync(join(fixture.layout.leases, `78-${id}.json`));
  assert.deepEqual(liveLeases(fixture.layout), []);
  const left = ["notes.txt", `x-${id}.json`, `0-${id}.json`, `77-${id}.json.bak`, `78-${id}.json`];
  assert.deepEqual(fixture.files(), left.sort());
});

Deno.test("liveLeases returns a live lease that it cannot parse with its problem", () => {
  using fixture = new Fixture();
  const path = fixture.leave(`77-${crypto.randomUUID()}.json`, '{"schemaVersion":2}');
  using file = Deno.openSync(path, { read: true });
  file.lockSync(false);
  const [lease, ...others] = liveLeases(fixture.layout);
  assert.equal(others.length, 0);
  assert.equal(lease!.pid, 77);
  assert.deepEqual(lease!.problem, {
    path,
    text: `cannot tell what process 77 uses: ${path} is damaged, or a newer larder wrote it`,
  });
  assert.equal(fixture.files().length, 1);
});

for (const kind of ["file system", "runtime"] as const) {
  Deno.test(`liveLeases without locks (${kind}) counts leases of running processes and recent ones`, () => {
    using fixture = new Fixture();
    const now = Date.now();
    const content = formatLease(fixture.layout, {
      pid: 1,
      command: "a test",
      startedAt: new Date(now).toISOString(),
      folders: [],
      digests: [digest(1)],
    });
    const id = crypto.randomUUID();
    // Process ids have at most 22 bits on Linux and 17 on macOS.
    const dead = 2 ** 23;
    const left = [
      `${dead}-${id}.json`,
      `${Deno.pid}-${id}.json`,
      `${dead + 1}-${id}.json`,
    ];
    fixture.leave(left[0]!, content, now - DAY);
    fixture.leave(left[1]!, content, now - 30 * DAY);
    fixture.leave(left[2]!, content, now - DAY + 1);
    withoutLocks(kind, () => assert.equal(liveLeases(fixture.layout, now).length, 2));
    assert.deepEqual(fixture.files(), left.slice(1).sort());
  });
}

Deno.test("Lease.add warns once and continues if it cannot write", async () => {
  using fixture = new Fixture();
  ensureFolder(fixture.layout.root);
  Deno.writeTextFileSync(fixture.layout.leases, "a file in the way");
  const warnings: string[] = [];
  const lease = await takeLease(fixture.layout, "a test", { digests: [digest(1)] }, {
    warn: (message) => warnings.push(message),
  });
  await lease.add({ digests: [digest(2)] }, { warn: (message) => warnings.push(message) });
  assert.equal(warnings.length, 1);
  assert.match(
    warnings.join(),
    /concurrent gc may remove what is in use.*leases is a file, not a folder/,
  );
  lease.release();
});

mountTest("Lease.add warns and continues on a full or read-only disk", async () => {
  using fixture = new Fixture();
  ensureFolder(fixture.layout.root);
  await using full = await MountedFolder.tmpfs("16k");
  const chunk = new Uint8Array(4096);
  assert.throws(() => {
    for (let i = 0;; i++) Deno.writeFileSync(join(full.path, `${i}`), chunk);
  });
  await using readOnly = await MountedFolder.readOnly(fixture.path);
  for (const path of [full.path, readOnly.path]) {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const layout = new Layout(join(path, "registry"));
    (await takeLease(layout, "a test", { digests: [digest(1)] }, { warn })).release();
    assert.equal(warnings.length, 1, path);
  }
});

Deno.test("Lease.add stops waiting for a sweep on an abort", async () => {
  using fixture = new Fixture();
  ensureFolder(fixture.layout.root);
  using lock = Deno.openSync(fixture.layout.lock, { read: true, write: true, create: true });
  lock.lockSync(true);
  const stop = new AbortController();
  const taking = takeLease(fixture.layout, "a test", {}, {
    waiting: () => stop.abort(),
    signal: stop.signal,
  });
  await assert.rejects(taking, (error) => hasCode(error, "LDR_INTERRUPTED"));
  assert.deepEqual(fixture.files(), []);
});

const layout = new Layout("/cache/registry");
const valid = {
  schemaVersion: 1,
  pid: 7,
  command: "larder run x",
  startedAt: "2026-01-02T03:04:05.000Z",
  folders: ["manifests/ghcr.io/acme/app/v1", "compiled/sha256:0a/1.0"],
  digests: [digest(1)],
};

Deno.test("parseLease reverses formatLease", () => {
  const lease = parseLease(layout, JSON.stringify(valid));
  assert.deepEqual(lease?.folders, valid.folders.map((folder) => join(layout.root, folder)));
  assert.deepEqual(JSON.parse(formatLease(layout, lease!)), valid);
});

for (
  const [name, change] of [
    ["a folder outside", { folders: ["../x"] }],
    ["a folder with ..", { folders: ["manifests/../../x"] }],
    ["an absolute folder", { folders: ["/etc"] }],
    ["a folder with a backslash", { folders: ["manifests/a\\..\\b"] }],
    ["a whole tree", { folders: ["manifests"] }],
    ["a blob", { folders: ["data/x"] }],
    ["an empty part", { folders: ["manifests//x"] }],
    ["a folder that is not a string", { folders: [7] }],
    ["an invalid digest", { digests: ["sha256:../../etc/passwd"] }],
    ["a process id of 0", { pid: 0 }],
    ["a fractional process id", { pid: 1.5 }],
    ["an invalid time", { startedAt: "yesterday" }],
    ["a newer schema version", { schemaVersion: 2 }],
  ] as const
) {
  Deno.test(`parseLease rejects ${name}`, () => {
    assert.equal(parseLease(layout, JSON.stringify({ ...valid, ...change })), undefined);
  });
}

Deno.test("parseLease never returns a folder outside the cache", () => {
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", "manifests", "builds", "compiled", "a"),
    fc.string(),
  );
  const folder = fc.array(part, { maxLength: 5 }).map((parts) => parts.join("/"));
  const lease = fc.record({
    ...Object.fromEntries(Object.entries(valid).map(([key, value]) => [key, fc.constant(value)])),
    folders: fc.oneof(fc.array(folder), fc.json().map((text) => JSON.parse(text))),
  }, { requiredKeys: [] });
  const text = fc.oneof(lease.map((value) => JSON.stringify(value)), fc.json(), fc.string());
  fc.assert(fc.property(text, (content) => {
    for (const path of parseLease(layout, content)?.folders ?? []) {
      assert.ok(path.startsWith(join(layout.root, "/")) && !path.split("/").includes(".."), path);
    }
  }));
});
