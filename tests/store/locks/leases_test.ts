import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { childEnvironment } from "../../support/cli/environment.ts";
import { hasCode } from "../../../src/base/errors.ts";
import { ensureFolder } from "../../../src/base/files.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { Layout } from "../../../src/store/layout.ts";
import { formatLease, liveLeases, parseLease, takeLease } from "../../../src/store/locks/leases.ts";
import { filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { DAY } from "../../support/cache/cache_folder.ts";
import { MountedFolder, mountTest } from "../../support/cli/mounts.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const HOLDER = fileURLToPath(new URL("../../support/cache/lease_holder.ts", import.meta.url));
const digest = (seed: number) => digestOf(sampleBytes(9, seed));

class Bench extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly folder = this.layout.tagFolder(parseReference("ghcr.io/acme/app:v1"), "v1");

  files(): string[] {
    return filesIn(this.layout.leases);
  }

  /** Writes a file among the leases, as a process leaves it that was killed. */
  leave(name: string, content = "{}", made = Date.now()): string {
    ensureFolder(this.layout.leases);
    const path = join(this.layout.leases, name);
    Deno.writeTextFileSync(path, content);
    Deno.utimeSync(path, new Date(made), new Date(made));
    return path;
  }

  /** Starts a process that uses the cache. */
  start(mode: string, used: Digest): Deno.ChildProcess {
    const args = ["run", "-A", "--no-check", "--quiet", HOLDER, this.layout.root, mode, used];
    return new Deno.Command(Deno.execPath(), {
      args,
      clearEnv: true,
      env: childEnvironment(),
      stdin: "null",
      stdout: "piped",
    }).spawn();
  }
}

/** Runs `body` on a file system, or on a runtime, that cannot tell whether a file is locked. */
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

Deno.test("a lease says who uses what, until it is released", async () => {
  using bench = new Bench();
  const lease = await takeLease(bench.layout, "larder run ghcr.io/acme/app:v1", {
    folders: [bench.folder],
    digests: [digest(1), digest(2), digest(1)],
  });
  const [content, ...others] = liveLeases(bench.layout);
  assert.deepEqual(others, []);
  assert.deepEqual(content, {
    pid: Deno.pid,
    command: "larder run ghcr.io/acme/app:v1",
    startedAt: content!.startedAt,
    folders: [bench.folder],
    digests: [digest(1), digest(2)],
  });
  assert.ok(Math.abs(Date.parse(content!.startedAt) - Date.now()) < DAY);
  lease.release();
  assert.deepEqual([liveLeases(bench.layout), bench.files()], [[], []]);
});

Deno.test("a lease takes more into use, and gives up all of it at once", async () => {
  using bench = new Bench();
  {
    using lease = await takeLease(bench.layout, "a test", { digests: [digest(1)] });
    await lease.add({ digests: [digest(2)], folders: [bench.folder] });
    const live = liveLeases(bench.layout);
    assert.deepEqual(live.flatMap((l) => l.digests).sort(), [digest(1), digest(2)].sort());
    assert.deepEqual(live.flatMap((l) => l.folders), [bench.folder]);
  }
  assert.deepEqual(bench.files(), []);
});

Deno.test("only folders of entries can be leased", async () => {
  using bench = new Bench();
  for (const folder of [bench.path, bench.layout.root, bench.layout.tree("data"), "/"]) {
    await assert.rejects(
      takeLease(bench.layout, "a test", { folders: [folder] }),
      /not the folder/,
    );
  }
  assert.deepEqual(bench.files(), []);
});

Deno.test("the lease of a process lasts as long as it, and is stale once it is killed", async () => {
  using bench = new Bench();
  await using child = bench.start("hold", digest(3));
  const reader = child.stdout.getReader();
  await reader.read();
  assert.deepEqual(liveLeases(bench.layout).map((l) => [l.pid, l.digests]), [[child.pid, [
    digest(3),
  ]]]);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  assert.equal(bench.files().length, 1);
  assert.deepEqual([liveLeases(bench.layout), bench.files()], [[], []]);
});

Deno.test("leases that come and go are never missed nor misread by those who look", async () => {
  using bench = new Bench();
  const children = [1, 2].map((seed) => bench.start("churn", digest(seed)));
  let running = true;
  const ends = Promise.all(children.map((child) => child.output())).finally(() => running = false);
  while (running) {
    for (const lease of liveLeases(bench.layout)) assert.equal(lease.digests.length, 1);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.deepEqual((await ends).map(({ code }) => code), [0, 0]);
  assert.deepEqual(bench.files(), []);
});

Deno.test("a process goes on when the cache is deleted under it, and can lease what comes anew", async () => {
  using bench = new Bench();
  const lease = await takeLease(bench.layout, "a test", { digests: [digest(1)] });
  Deno.removeSync(bench.layout.root, { recursive: true });
  assert.deepEqual(liveLeases(bench.layout), []);
  await lease.add({ digests: [digest(2)] });
  assert.deepEqual(liveLeases(bench.layout).map((l) => l.digests), [[digest(2)]]);
  lease.release();
  lease.release();
  assert.deepEqual(bench.files(), []);
});

Deno.test("what a killed process left is removed, and what is none of the store's stays", () => {
  using bench = new Bench();
  const id = crypto.randomUUID();
  bench.leave(`77-${id}.json`, "half a le");
  bench.leave(`77-${id}.new`);
  for (const name of ["notes.txt", `x-${id}.json`, `0-${id}.json`, `77-${id}.json.bak`]) {
    bench.leave(name);
  }
  Deno.mkdirSync(join(bench.layout.leases, `78-${id}.json`));
  assert.deepEqual(liveLeases(bench.layout), []);
  const left = ["notes.txt", `x-${id}.json`, `0-${id}.json`, `77-${id}.json.bak`, `78-${id}.json`];
  assert.deepEqual(bench.files(), left.sort());
});

Deno.test("a live lease that is not to be read keeps everything", () => {
  using bench = new Bench();
  const path = bench.leave(`77-${crypto.randomUUID()}.json`, '{"schemaVersion":2}');
  using file = Deno.openSync(path, { read: true });
  file.lockSync(false);
  assert.throws(() => liveLeases(bench.layout), (error) => hasCode(error, "LDR_BUSY"));
  assert.equal(bench.files().length, 1);
});

for (const kind of ["file system", "runtime"] as const) {
  Deno.test(`where the ${kind} has no locks, processes that live and leases that are young count`, () => {
    using bench = new Bench();
    const now = Date.now();
    const content = formatLease(bench.layout, {
      pid: 1,
      command: "a test",
      startedAt: new Date(now).toISOString(),
      folders: [],
      digests: [digest(1)],
    });
    const id = crypto.randomUUID();
    // Linux gives out no process id of more than 22 bits, and macOS none of more than 17.
    const dead = 2 ** 23;
    const left = [
      `${dead}-${id}.json`,
      `${Deno.pid}-${id}.json`,
      `${dead + 1}-${id}.json`,
    ];
    bench.leave(left[0]!, content, now - DAY);
    bench.leave(left[1]!, content, now - 30 * DAY);
    bench.leave(left[2]!, content, now - DAY + 1);
    withoutLocks(kind, () => assert.equal(liveLeases(bench.layout, now).length, 2));
    assert.deepEqual(bench.files(), left.slice(1).sort());
  });
}

Deno.test("a cache that cannot be written is used all the same, with a warning", async () => {
  using bench = new Bench();
  ensureFolder(bench.layout.root);
  Deno.writeTextFileSync(bench.layout.leases, "a file in the way");
  const warnings: string[] = [];
  const lease = await takeLease(bench.layout, "a test", { digests: [digest(1)] }, {
    warn: (message) => warnings.push(message),
  });
  assert.match(warnings.join(), /may remove what is in use.*a file exists where/);
  lease.release();
});

mountTest("a full or read-only disk hinders nobody who uses what is on it", async () => {
  using bench = new Bench();
  ensureFolder(bench.layout.root);
  await using full = await MountedFolder.tmpfs("16k");
  const chunk = new Uint8Array(4096);
  assert.throws(() => {
    for (let i = 0;; i++) Deno.writeFileSync(join(full.path, `${i}`), chunk);
  });
  await using readOnly = await MountedFolder.readOnly(bench.path);
  for (const path of [full.path, readOnly.path]) {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const layout = new Layout(join(path, "registry"));
    (await takeLease(layout, "a test", { digests: [digest(1)] }, { warn })).release();
    assert.equal(warnings.length, 1, path);
  }
});

Deno.test("waiting for a sweep can be interrupted", async () => {
  using bench = new Bench();
  ensureFolder(bench.layout.root);
  using lock = Deno.openSync(bench.layout.lock, { read: true, write: true, create: true });
  lock.lockSync(true);
  const stop = new AbortController();
  const taking = takeLease(bench.layout, "a test", {}, {
    waiting: () => stop.abort(),
    signal: stop.signal,
  });
  await assert.rejects(taking, (error) => hasCode(error, "LDR_INTERRUPTED"));
  assert.deepEqual(bench.files(), []);
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

Deno.test("a lease is read back as it was written", () => {
  const lease = parseLease(layout, JSON.stringify(valid));
  assert.deepEqual(lease?.folders, valid.folders.map((folder) => join(layout.root, folder)));
  assert.deepEqual(JSON.parse(formatLease(layout, lease!)), valid);
});

for (
  const [name, change] of [
    ["a folder outside", { folders: ["../x"] }],
    ["a folder that climbs", { folders: ["manifests/../../x"] }],
    ["an absolute folder", { folders: ["/etc"] }],
    ["a folder with a backslash", { folders: ["manifests/a\\..\\b"] }],
    ["a tree as a whole", { folders: ["manifests"] }],
    ["the blobs", { folders: ["data/x"] }],
    ["an empty part", { folders: ["manifests//x"] }],
    ["a folder that is no text", { folders: [7] }],
    ["a digest that is none", { digests: ["sha256:../../etc/passwd"] }],
    ["a process id of 0", { pid: 0 }],
    ["half a process id", { pid: 1.5 }],
    ["a time that is none", { startedAt: "yesterday" }],
    ["a later schema", { schemaVersion: 2 }],
  ] as const
) {
  Deno.test(`a lease with ${name} is none`, () => {
    assert.equal(parseLease(layout, JSON.stringify({ ...valid, ...change })), undefined);
  });
}

Deno.test("whatever stands in a lease, it is read or it is none, and names nothing outside", () => {
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
