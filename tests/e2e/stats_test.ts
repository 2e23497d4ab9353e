import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, randomBytes, wasmModule } from "../support/cache/artifacts.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { onTerminal } from "../support/cli/on_terminal.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const LAYER = blob(randomBytes(100_000, "layer"));
const APP = image([LAYER]);

interface Counts {
  readonly hits: number;
  readonly misses: number;
  readonly causes: Record<string, number>;
  readonly regrets: readonly { readonly name: string; readonly rule: string }[];
  readonly advice: readonly { readonly rule: string; readonly atLeast: number }[];
}

async function stats(user: TestUser): Promise<Counts> {
  return JSON.parse((await user.larder(["stats", "--format", "json"])).stdout);
}

/** Sets the age of an entry and of all content of the cache. */
function age(user: TestUser, folder: string, days: number): void {
  const time = new Date(Date.now() - days * DAY);
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) age(user, path, days);
    else Deno.utimeSync(path, time, time);
  }
}

Deno.test("stats counts the pulls of every command, also of one that fails", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  const missing = registry.reference("app", "v2");
  assert.equal((await user.larder(["pull", reference, missing, reference])).code, 3);
  // It is not Wasm, so the run fails after the pull.
  assert.equal((await user.larder(["run", reference])).code, 1);
  const { bytes, descriptor: { digest } } = blob(wasmModule("counted"));
  const url = registry.addFile("/module.wasm", bytes);
  const manifest = user.write(
    "spin.toml",
    `spin_manifest_version = 2
[application]
name = "app"
[[trigger.http]]
route = "/..."
component = "one"
[component.one]
source = { url = "${url}", digest = "${digest}" }
`,
  );
  for (let i = 0; i < 2; i++) assert.equal((await user.larder(["pull", manifest])).code, 0);
  const { hits, misses, causes } = await stats(user);
  assert.deepEqual([hits, misses, causes], [2, 2, { new: 2 }]);
  const why = await user.larder(["why", reference]);
  assert.match(why.stdout, /fetched .*: pulled for the first time\n.* used from the cache\n/);
});

Deno.test("stats reports an entry that was evicted and pulled again, and the limit that keeps it", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  age(user, user.registry, 40);
  const gc = await user.larder(["gc", "--unused", "30d", "--force"]);
  assert.equal(gc.code, 0, gc.stderr);
  const gone = await user.larder(["why", reference]);
  assert.equal(gone.code, 0);
  assert.match(
    gone.stdout,
    /is not in the cache\n[^]*removed by larder gc: unused for 40d; .*\(unused\)/,
  );
  assert.deepEqual((await stats(user)).regrets, []);

  assert.equal((await user.larder(["pull", reference])).code, 0);
  const { regrets, advice } = await stats(user);
  assert.deepEqual(regrets.map(({ name, rule }) => [name, rule]), [[reference, "unused"]]);
  assert.equal(advice[0]!.rule, "unused");
  assert.ok(advice[0]!.atLeast >= 40 * DAY && advice[0]!.atLeast < 41 * DAY);
  const why = await user.larder(["why", reference]);
  assert.match(why.stdout, /fetched .*: larder gc had removed it \d+[smh] before/);
});

Deno.test("pull and stats succeed with a journal that is invalid or cannot be written", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  Deno.mkdirSync(user.registry, { recursive: true });
  Deno.writeFileSync(join(user.registry, "journal.jsonl"), randomBytes(10_000));
  Deno.mkdirSync(join(user.registry, "journal.older.jsonl"));
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.equal((await stats(user)).misses, 1);
  Deno.removeSync(join(user.registry, "journal.jsonl"));
  Deno.mkdirSync(join(user.registry, "journal.jsonl"));
  assert.equal((await user.larder(["pull", reference])).code, 0);
  assert.equal((await stats(user)).hits, 0);
});

mountTest("stats, why, outdated and verify succeed on a read-only cache", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", APP, "v1");
  assert.equal((await user.larder(["pull", reference])).code, 0);
  await using disk = await MountedFolder.readOnly(user.cache);
  for (const args of [["stats"], ["why", reference], ["outdated"], ["verify"]]) {
    const { code, stderr } = await user.larder(["--cache-dir", disk.path, ...args]);
    assert.equal(code, 0, `${args}: ${stderr}`);
  }
});

Deno.test("verify and outdated show progress on a terminal unless told otherwise", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  assert.equal((await user.larder(["pull", registry.add("app", APP, "v1")])).code, 0);
  const cases: [string[], RegExp, boolean][] = [
    [["verify"], /% [\d.]+ \w+ of [\d.]+ KiB/, true],
    [["verify", "--no-progress"], /% [\d.]+ \w+ of [\d.]+ KiB/, false],
    [["outdated"], /% [01] of 1 tags checked/, true],
    [["outdated", "--quiet"], /tags checked/, false],
  ];
  for (const [args, shown, expected] of cases) {
    await t.step(args.join(" "), async () => {
      await using terminal = await onTerminal(user, args);
      const { code, stderr } = await terminal.result;
      assert.equal(code, 0, stderr);
      assert.equal(shown.test(stderr), expected, stderr);
    });
  }
});
