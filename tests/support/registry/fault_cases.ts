import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../cache/store_check.ts";
import { QuickUser } from "../cli/in_process.ts";
import type { Fault } from "./faults.ts";
import { TestRegistry } from "./test_registry.ts";

/** The layer that faults concern. */
export const LAYER = blob(randomBytes(64 * 1024));
const SMALL = blob("a small one");
/** The image that is pulled. */
export const APP = image([LAYER, SMALL]);
/** The requests for the manifest and the layer, as a registry logs them. */
export const MANIFEST = "GET /v2/app/manifests/v1";
export const LAYER_PATH = `GET /v2/app/blobs/${LAYER.descriptor.digest}`;

/** A fault of the registry, and the expected result. */
export interface FaultCase {
  readonly name: string;
  readonly on: string;
  readonly fault: Fault;
  /** Requests that fail; all by default. */
  readonly times?: number;
  /** The expected exit code; 0 if larder recovers. */
  readonly code: number;
  readonly error?: string;
}

/** Pulls the app while the registry fails, and then once it works again. */
async function pullThrough({ on, fault, times, code, error }: FaultCase): Promise<void> {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  const reference = registry.add("app", APP, "v1");
  registry.fail(on, fault, times);
  await using running = user.spawn(["pull", reference]);
  const result = await running.result;
  assert.equal(result.code, code, result.stderr);
  assertStoreSound(user.registry);
  if (code === 0) {
    assert.equal(result.stdout, `${reference}@${APP.descriptor.digest}\n`);
  } else {
    assert.equal(result.stdout, "");
    assert.match(result.stderr, new RegExp(`^error: .*\\[${error}\\]\nhint: .+\n$`, "m"));
    assert.deepEqual(filesBelow(`${user.registry}/manifests`), [], "an entry was published");
  }
  registry.heal();
  const healed = await user.larder(["pull", reference]);
  assert.equal(healed.code, 0, healed.stderr);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
}

/** Defines a test with a step for each fault, which checks exit code and error, and that no incomplete files stay. */
export function faultTests(name: string, cases: readonly FaultCase[]): void {
  Deno.test(name, async (t) => {
    for (const each of cases) {
      await t.step(each.name, () => pullThrough(each));
    }
  });
}
