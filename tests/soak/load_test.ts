import assert from "node:assert/strict";
import { blob, image, randomBytes, wasmArtifact } from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { age, pull } from "../support/cache/user_cache.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { moduleBytes } from "../support/wasm/components.ts";

/** Milliseconds, for the sources and then for the binary. */
const DURATION = 20_000;

const SHARED = blob(randomBytes(1000, "shared"));

Deno.test("pull, run, gc and clean succeed concurrently in one cache for 20 seconds", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const module = registry.add("command", wasmArtifact(await moduleBytes("preview1_command")), "v1");
  const apps = [1, 2, 3].map((i) => image([SHARED, blob(randomBytes(50_000, `app ${i}`))]));
  await pull(user, module);
  const start = performance.now();
  let isBroken = false;
  /** Repeats `work` for 20 seconds, or until other work has failed. */
  const repeat = async (work: (round: number) => Promise<void>) => {
    try {
      for (let round = 0; !isBroken && performance.now() - start < DURATION; round++) {
        await work(round);
      }
    } catch (error) {
      isBroken = true;
      throw error;
    }
  };
  const puller = (number: number) =>
    repeat(async (round) => {
      const reference = registry.add(`app${number % 2}`, apps[(round + number) % 3]!, "v1");
      await pull(user, reference, module);
    });
  const runner = () =>
    repeat(async () => {
      const { code, stdout, stderr } = await user.larder(["run", module, "--", "a", "b"]);
      assert.deepEqual([code, stdout], [0, "a\nb\n"], stderr);
    });
  const collector = (freed: number[], ...args: string[]) =>
    repeat(async () => {
      age(user);
      const { code, stdout, stderr } = await user.larder([...args, "--force", "--format", "json"]);
      assert.equal(code, 0, stderr);
      freed.push(JSON.parse(stdout).result?.freed ?? 0);
    });
  const collected: number[] = [];
  const cleaned: number[] = [];
  const all = [
    ...[1, 2, 3, 4].map(puller),
    ...[runner(), runner()],
    collector(collected, "gc", "--max-size", "0"),
    collector(cleaned, "clean", "*/app0*"),
  ];
  await Promise.allSettled(all);
  await Promise.all(all);
  for (const freed of [collected, cleaned]) {
    assert.ok(freed.some((bytes) => bytes > 0), "nothing was removed, so nothing was tested");
  }
  await pull(user, module, registry.add("app1", apps[0]!, "v1"));
  assertStoreSound(user.registry);
});
