import { MEMORY_IMPORT } from "../../wasm/memory_image.ts";
import { preopens } from "../filesystem/imports.ts";
import type { Host } from "../host.ts";
import { noteYield } from "../io/poll.ts";
import { InstanceResources } from "../resources.ts";
import { DescriptorTable } from "./descriptor_table.ts";
import { directoryCalls } from "./directory_calls.ts";
import { ERRNO, Errno, errnoOf } from "./errno.ts";
import { fileCalls } from "./file_calls.ts";
import { type Calls, type Guest, PREVIEW1 } from "./guest.ts";
import { GuestMemory } from "./memory.ts";
import { pollCall } from "./poll_call.ts";
import { processCalls } from "./process_calls.ts";

/** The functions that can wait, and suspend the guest meanwhile. */
const SUSPENDING = new Set(["fd_read", "fd_write", "poll_oneoff", "sched_yield"]);

/** JavaScript Promise Integration, for which TypeScript has no types. */
const { Suspending, promising } = WebAssembly as unknown as {
  Suspending: new (call: (...args: never[]) => unknown) => WebAssembly.ImportValue;
  promising(call: unknown): () => Promise<void>;
};

/**
 * Runs a core module of WASI preview 1 as a command and resolves to its exit code.
 * @param memory the memory of a module that imports it (see `memory_image.ts`)
 * @throws the error of a trap; WebAssembly.LinkError if the module imports what preview 1 does not have
 */
export async function runPreview1(
  module: WebAssembly.Module,
  host: Host,
  memory?: WebAssembly.Memory,
): Promise<number> {
  noteYield();
  using resources = new InstanceResources();
  const guestMemory = new GuestMemory();
  const descriptors = openDescriptors(host, resources);
  const guest = { host, resources, memory: guestMemory, descriptors };
  try {
    const { exports } = new WebAssembly.Instance(module, {
      [PREVIEW1]: importsOf(guest),
      ...memory && { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } },
    });
    if (exports["memory"] instanceof WebAssembly.Memory) guestMemory.attach(exports["memory"]);
    await promising(exports["_start"])();
    return 0;
  } catch (error) {
    if (resources.exitCode !== undefined) return resources.exitCode;
    throw error;
  } finally {
    await Promise.all([host.stdio.stdout.drained(), host.stdio.stderr.drained()]);
  }
}

/** Opens the descriptors that a guest has from the start: the standard streams and the granted directories. */
function openDescriptors({ stdio, mounts }: Host, resources: InstanceResources): DescriptorTable {
  const { stdout, stderr, stdinIsTerminal } = stdio;
  const table = new DescriptorTable();
  table.add({ kind: "input", stream: stdio.stdin(), isTerminal: stdinIsTerminal });
  for (const output of [stdout, stderr]) {
    table.add({ kind: "output", stream: output.stream(), isTerminal: output.isTerminal });
  }
  for (const directory of preopens(mounts, resources)) {
    table.add({ kind: "directory", directory, preopen: directory.mount.guest, entries: [] });
  }
  return table;
}

function importsOf(guest: Guest): WebAssembly.ModuleImports {
  const calls: Calls = {
    ...processCalls(guest),
    ...fileCalls(guest),
    ...directoryCalls(guest),
    ...pollCall(guest),
    ...NO_SOCKETS,
  };
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => {
      const wrapped = withErrno(call);
      return [name, SUSPENDING.has(name) ? new Suspending(wrapped) : wrapped];
    }),
  );
}

/** Fail always: a guest of preview 1 has no sockets. */
const NO_SOCKETS: Calls = Object.fromEntries(
  ["sock_accept", "sock_recv", "sock_send", "sock_shutdown"].map((name) => [name, () => {
    throw new Errno("badf");
  }]),
);

function withErrno(call: Calls[string]): (...args: never[]) => number | Promise<number> {
  return (...args) => {
    try {
      const waiting = call(...args);
      return waiting ? waiting.then(() => ERRNO.success, errnoOf) : ERRNO.success;
    } catch (error) {
      return errnoOf(error);
    }
  };
}
