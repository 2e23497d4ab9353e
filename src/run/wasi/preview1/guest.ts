import type { Host } from "../host.ts";
import type { InstanceResources } from "../resources.ts";
import type { DescriptorTable } from "./descriptor_table.ts";
import type { GuestMemory } from "./memory.ts";

/** What a module of preview 1 imports its functions from. */
export const PREVIEW1 = "wasi_snapshot_preview1";

/** What the functions of preview 1 work on: one guest. */
export interface Guest {
  readonly host: Host;
  readonly resources: InstanceResources;
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
}

/**
 * Functions of preview 1, by name. What they throw becomes their error number, and without one they succeed.
 *
 * Numbers come as WebAssembly has them: of 32 bits as signed numbers, of 64 bits as signed bigints.
 */
// deno-lint-ignore no-explicit-any
export type Calls = Readonly<Record<string, (...args: any[]) => void | Promise<void>>>;

export function unsigned(number: bigint): bigint {
  return BigInt.asUintN(64, number);
}
