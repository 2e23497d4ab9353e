import assert from "node:assert/strict";
import { join } from "node:path";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { Compiler } from "../../../src/run/engine/compiler.ts";
import { ENGINE_VERSION } from "../../../src/run/engine/version.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { CompiledStore } from "../../../src/store/entries/compiled_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { assertStoreSound } from "../../support/cache/store_check.ts";
import { MountedFolder, mountTest } from "../../support/cli/mounts.ts";
import { TemporaryFolder } from "../../support/temporary.ts";
import { guestBytes } from "../../support/wasm/components.ts";

/** A cache, and a component that is compiled for it. */
class Bench {
  readonly #component: Uint8Array<ArrayBuffer>;
  readonly #store: CompiledStore;
  readonly digest: Digest;

  constructor(component: Uint8Array<ArrayBuffer>, root: string) {
    const layout = new Layout(root);
    this.#component = component;
    this.#store = new CompiledStore(layout, new BlobStore(layout));
    this.digest = digestOf(component);
  }

  /** Whether it had to be compiled, and what was warned of. */
  async compile(): Promise<{ missed: boolean; warnings: string[] }> {
    let missed = false;
    const warnings: string[] = [];
    const compiled = await new Compiler(this.#store).compile(
      this.digest,
      () => this.#component.slice(),
      { onMiss: () => missed = true, warn: (message) => warnings.push(message) },
    );
    assert.ok(compiled.modules.size > 0);
    return { missed, warnings };
  }

  files(): [name: string, path: string][] {
    const files = this.#store.find(this.digest, ENGINE_VERSION)!;
    return [...files].map(([name, { path }]) => [name, path]);
  }
}

const MADE = { missed: true, warnings: [] };
const FOUND = { missed: false, warnings: [] };

Deno.test("what is compiled is made anew where one byte of it is another", async (t) => {
  using folder = new TemporaryFolder();
  const root = join(folder.path, "registry");
  const bench = new Bench(await guestBytes("command_cases"), root);
  assert.deepEqual(await bench.compile(), MADE);
  assert.deepEqual(await bench.compile(), FOUND);
  for (const [name, path] of bench.files()) {
    await t.step(name, async () => {
      const bytes = Deno.readFileSync(path);
      bytes[bytes.length - 1]! ^= 1;
      Deno.writeFileSync(path, bytes);
      assert.deepEqual(await bench.compile(), MADE);
      assert.deepEqual(await bench.compile(), FOUND);
      assertStoreSound(root);
    });
  }
});

/** Compiles twice where nothing can be written. */
async function assertNotKept(bench: Bench, reason: RegExp): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const { missed, warnings } = await bench.compile();
    assert.ok(missed);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^cannot store the compiled form, so the next run compiles again: /);
    assert.match(warnings[0]!, reason);
  }
}

Deno.test("what is compiled runs, with a warning, where the cache is not to be written", async () => {
  using folder = new TemporaryFolder();
  const root = join(folder.path, "registry");
  Deno.writeTextFileSync(root, "no folder");
  const bench = new Bench(await guestBytes("command_cases"), root);
  await assertNotKept(bench, /a file stands where a folder should be/);
});

mountTest(
  "what is compiled runs, with a warning, where the cache is read-only or full",
  async () => {
    const component = await guestBytes("command_cases");
    {
      using folder = new TemporaryFolder();
      await using disk = await MountedFolder.readOnly(folder.path);
      await assertNotKept(new Bench(component, join(disk.path, "registry")), /read-only/);
    }
    await using disk = await MountedFolder.tmpfs("32k");
    await assertNotKept(new Bench(component, join(disk.path, "registry")), /full/);
  },
);
