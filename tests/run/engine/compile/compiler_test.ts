import assert from "node:assert/strict";
import { join } from "node:path";
import type { Digest } from "../../../../src/oci/digest.ts";
import { digestOf } from "../../../../src/oci/hash.ts";
import { Compiler } from "../../../../src/run/engine/compile/compiler.ts";
import { ENGINE_VERSIONS } from "../../../../src/run/engine/compile/version.ts";
import { BlobStore } from "../../../../src/store/blobs/blob_store.ts";
import { CompiledStore } from "../../../../src/store/entries/compiled_store.ts";
import { Layout } from "../../../../src/store/layout.ts";
import { assertStoreSound } from "../../../support/cache/store_check.ts";
import { MountedFolder, mountTest } from "../../../support/cli/mounts.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { guestBytes } from "../../../support/wasm/components.ts";

/** A component and a cache for its compiled form. */
class TestCompiler {
  readonly #component: Uint8Array<ArrayBuffer>;
  readonly #store: CompiledStore;
  readonly digest: Digest;

  constructor(component: Uint8Array<ArrayBuffer>, root: string) {
    const layout = new Layout(root);
    this.#component = component;
    this.#store = new CompiledStore(layout, new BlobStore(layout));
    this.digest = digestOf(component);
  }

  /** Compiles the component; `missed` is true if the cache did not have it. */
  async compile(
    makeRoom?: (bytes: number) => Promise<boolean>,
  ): Promise<{ missed: boolean; warnings: string[] }> {
    let missed = false;
    const warnings: string[] = [];
    const compiled = await new Compiler(this.#store, makeRoom).compile(
      this.digest,
      () => this.#component.slice(),
      { onMiss: () => missed = true, warn: (message) => warnings.push(message) },
    );
    assert.ok(compiled.modules.size > 0);
    return { missed, warnings };
  }

  files(): [name: string, path: string][] {
    const files = this.#store.find(this.digest, ENGINE_VERSIONS["0.2"])!;
    return [...files].map(([name, { path }]) => [name, path]);
  }
}

const MISS = { missed: true, warnings: [] };
const HIT = { missed: false, warnings: [] };

Deno.test("Compiler compiles again if one byte of a stored file has changed", async (t) => {
  using folder = new TemporaryFolder();
  const root = join(folder.path, "registry");
  const compiler = new TestCompiler(await guestBytes("command_cases"), root);
  assert.deepEqual(await compiler.compile(), MISS);
  assert.deepEqual(await compiler.compile(), HIT);
  for (const [name, path] of compiler.files()) {
    await t.step(name, async () => {
      const bytes = Deno.readFileSync(path);
      bytes[bytes.length - 1]! ^= 1;
      Deno.writeFileSync(path, bytes);
      assert.deepEqual(await compiler.compile(), MISS);
      assert.deepEqual(await compiler.compile(), HIT);
      assertStoreSound(root);
    });
  }
});

/** Checks that the component is compiled each time, with a warning, in a cache that cannot be written. */
async function assertNotStored(compiler: TestCompiler, reason: RegExp): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const { missed, warnings } = await compiler.compile();
    assert.ok(missed);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^cannot store the compiled form, so the next run compiles again: /);
    assert.match(warnings[0]!, reason);
  }
}

Deno.test("Compiler only warns if the cache cannot be created", async () => {
  using folder = new TemporaryFolder();
  const root = join(folder.path, "registry");
  Deno.writeTextFileSync(root, "no folder");
  const compiler = new TestCompiler(await guestBytes("command_cases"), root);
  await assertNotStored(compiler, /registry is a file, not a folder/);
});

mountTest(
  "Compiler only warns if the cache is read-only or full",
  async () => {
    const component = await guestBytes("command_cases");
    {
      using folder = new TemporaryFolder();
      await using disk = await MountedFolder.readOnly(folder.path);
      await assertNotStored(new TestCompiler(component, join(disk.path, "registry")), /read-only/);
    }
    await using disk = await MountedFolder.tmpfs("32k");
    await assertNotStored(new TestCompiler(component, join(disk.path, "registry")), /full/);
  },
);

mountTest("Compiler makes room on a full disk, and stores the compiled form then", async () => {
  await using disk = await MountedFolder.tmpfs("1m");
  const compiler = new TestCompiler(
    await guestBytes("command_cases"),
    join(disk.path, "registry"),
  );
  const ballast = join(disk.path, "ballast");
  Deno.writeFileSync(ballast, new Uint8Array(1024 * 1024 - 32 * 1024));
  const asked: number[] = [];
  const makeRoom = (bytes: number) => {
    asked.push(bytes);
    Deno.removeSync(ballast);
    return Promise.resolve(true);
  };
  assert.deepEqual(await compiler.compile(makeRoom), MISS);
  assert.equal(asked.length, 1);
  assert.ok(asked[0]! > 10_000);
  assert.deepEqual(await compiler.compile(), HIT);
});
