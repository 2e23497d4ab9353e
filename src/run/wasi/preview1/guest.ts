import type { Host } from "../host.ts";
import type { InstanceResources } from "../resources.ts";
import type { DescriptorTable } from "./descriptor_table.ts";
import type { GuestMemory } from "./memory.ts";

/** The module that modules of preview 1 import its functions from. */
export const PREVIEW1 = "wasi_snapshot_preview1";

/** The state of one guest that the functions of preview 1 work on. */
export interface Guest {
  readonly host: Host;
  readonly resources: InstanceResources;
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
}

/**
 * Functions of preview 1 by name. They return nothing on success, and throw what `errnoOf` maps to an error number.
 *
 * Numbers arrive as WebAssembly passes them: 32 bits as signed numbers, 64 bits as signed bigints.
 */
// deno-lint-ignore no-explicit-any
export type Calls = Readonly<Record<string, (...args: any[]) => void | Promise<void>>>;
