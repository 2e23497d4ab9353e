import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestUser } from "../cli/test_user.ts";
import type { TestRegistry } from "../registry/test_registry.ts";
import { MEDIA_TYPES, type TestBlob } from "./artifacts.ts";
import { filesBelow } from "./store_check.ts";
import { DAY } from "./test_cache.ts";

/** Changes to and checks of a user's cache in end-to-end tests. */

/** Pulls references and returns stderr. */
export async function pull(user: TestUser, ...references: string[]): Promise<string> {
  const { code, stderr } = await user.larder(["pull", ...references]);
  assert.equal(code, 0, stderr);
  return stderr;
}

/** Returns the names of all entries, sorted. */
export async function names(user: TestUser): Promise<string[]> {
  const { code, stdout, stderr } = await user.larder(["list", "--format", "json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).map(({ name }: { name: string }) => name).sort();
}

/** Makes everything in the cache two days old. */
export function age(user: TestUser): void {
  const then = new Date(Date.now() - 2 * DAY);
  for (const path of filesBelow(user.registry)) {
    try {
      Deno.utimeSync(path, then, then);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // Another process may be collecting.
    }
  }
}

/** Returns the size of the cached content in bytes. */
export function bytesOf(user: TestUser): number {
  return ["data", "wasm", "manifests"]
    .flatMap((tree) => filesBelow(join(user.registry, tree)))
    .reduce((sum, path) => sum + Deno.statSync(path).size, 0);
}

/** Returns the path of a blob in the cache. */
export function blobPath(user: TestUser, { descriptor }: TestBlob): string {
  const isWasm = descriptor.mediaType === MEDIA_TYPES.spinWasm;
  return join(user.registry, isWasm ? "wasm" : "data", descriptor.digest);
}

/** Returns the path of a file among the entries of the repository `app`. */
export function entryPath(user: TestUser, registry: TestRegistry, ...names: string[]): string {
  return join(user.registry, "manifests", registry.host, "app", ...names);
}
