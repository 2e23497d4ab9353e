import { MEMORY_IMPORT } from "../../wasm/rewrite/memory_image.ts";
import { preopens } from "../filesystem/imports.ts";
import type { Host } from "../host.ts";
import { noteYield } from "../io/poll.ts";
import { InstanceResources } from "../resources.ts";
import { INITIAL_STATE } from "./descriptor.ts";
import { DescriptorTable } from "./descriptor_table.ts";
import { directoryCalls } from "./directory_calls.ts";
import { ERRNO, Errno, errnoOf } from "./errno.ts";
import { fileCalls } from "./file_calls.ts";
import { type Calls, type Guest, PREVIEW1 } from "./guest.ts";
import { GuestMemory } from "./memory.ts";
import { pollCall } from "./poll_call.ts";
import { processCalls } from "./process_calls.ts";
import { rightsNeeded } from "./rights.ts";

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
  table.add({
    kind: "input",
    stream: stdio.stdin(),
    isTerminal: stdinIsTerminal,
    ...INITIAL_STATE,
  });
  for (const output of [stdout, stderr]) {
    const { isTerminal } = output;
    table.add({ kind: "output", stream: output.stream(), isTerminal, ...INITIAL_STATE });
  }
  for (const directory of preopens(mounts, resources)) {
    const preopen = directory.mount.guest;
    table.add({ kind: "directory", directory, preopen, entries: [], ...INITIAL_STATE });
  }
  return table;
}

function importsOf(guest: Guest): WebAssembly.ModuleImports {
  const calls: Calls = {
    ...processCalls(guest),
    ...fileCalls(guest),
    ...directoryCalls(guest),
    ...pollCall(guest),
    ...socketCalls(guest),
  };
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => {
      const wrapped = withErrno(withRights(guest, name, call));
      return [name, SUSPENDING.has(name) ? new Suspending(wrapped) : wrapped];
    }),
  );
}

/** Fail always: a guest of preview 1 has no sockets. */
function socketCalls({ descriptors }: Guest): Calls {
  const fail = (fd: number) => {
    descriptors.get(fd);
    throw new Errno("notsock");
  };
  return { sock_accept: fail, sock_recv: fail, sock_send: fail, sock_shutdown: fail };
}

/** Checks the rights that a function needs before it is called. */
function withRights({ descriptors }: Guest, name: string, call: Calls[string]): Calls[string] {
  const needed = rightsNeeded(name);
  if (needed.length === 0) return call;
  return (...args) => {
    for (const [argument, rights] of needed) descriptors.requireRights(args[argument], rights);
    return call(...args);
  };
}

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
