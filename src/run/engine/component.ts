import { draftImports } from "../wasi/drafts/imports.ts";
import { type Host, hostImports, type HostSettings } from "../wasi/host.ts";
import { noteYield } from "../wasi/io/poll.ts";
import { PREVIEW1 } from "../wasi/preview1/guest.ts";
import { GuestTask } from "../wasi/preview3/guest_task.ts";
import { InstanceResources } from "../wasi/resources.ts";
import { MEMORY_IMPORT, type MemoryShape } from "../wasm/rewrite/memory_image.ts";
import { MemoryPool } from "./memory_pool.ts";
import type { WasiVersion } from "../wasm/interfaces/requirements.ts";
import { importsStop, newStopMemory, STOP_IMPORT } from "../wasm/rewrite/interruptible.ts";
import { STATE_EXPORT } from "../wasm/rewrite/resettable.ts";
import { TASK_IMPORT } from "./adaptations/adapt_scripts.ts";
import { RESET } from "./adaptations/reset_script.ts";
import type { MemoryUse } from "./trap_report.ts";

/** The function that a generated script returns. It is synchronous because its arguments are. */
type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: Record<string, object>,
  instantiateCore: (
    module: WebAssembly.Module,
    imports?: WebAssembly.Imports,
  ) => WebAssembly.Instance,
) => Record<string, unknown>;

/** A component that is ready to be instantiated, as plain data that can be sent to threads. */
export interface CompiledComponent {
  /** The version of WASI that the component is made for. */
  readonly wasi: WasiVersion;
  /** A function body that returns `instantiate`. */
  readonly script: string;
  /** Core modules by the names that the script uses. */
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  /** Initial contents of the memories that modules import, by the modules' names. */
  readonly images: ReadonlyMap<string, { readonly shape: MemoryShape; readonly bytes: Uint8Array }>;
}

/** The program of a guest's thread: one component, with its grants. */
export interface GuestProgram extends CompiledComponent {
  readonly settings: HostSettings;
}

/** A {@link GuestProgram} that may still be being compiled. */
export interface PendingProgram {
  readonly compiled: Promise<CompiledComponent>;
  readonly settings: HostSettings;
}

/** Bytes of the memories of instances that are kept to be used again; one instance is kept in any case. */
const KEPT_MEMORY = 16 * 1024 * 1024;

/** Bytes by which a memory may have grown if its instance is used again: all of it is written each time. */
const MAX_GROWTH = 16 * 1024 * 1024;

/** An import of a draft in a generated script. */
const DRAFT_IMPORT = /imports\['[^']+@0\.2\.0-rc-2023-/;

/** A component that can be instantiated any number of times. */
export class Component {
  readonly wasi: WasiVersion;
  readonly #instantiate: Instantiate;
  readonly #modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly #memories: ReadonlyMap<WebAssembly.Module, MemoryPool>;
  /** The memory through which another thread stops the code of modules that import it. */
  readonly #stop: WebAssembly.Memory;
  readonly #stoppable: ReadonlySet<WebAssembly.Module>;
  /** True if it imports drafts of 0.2, whose interfaces would be made in vain for all others. */
  readonly #usesDrafts: boolean;
  /** Names of the exported state of each module. */
  readonly #globals: ReadonlyMap<WebAssembly.Module, readonly string[]>;
  /** Instances that have ended, to be used again. */
  readonly #used: Guest[] = [];
  /** True if the host is known to have every function that the script reads. */
  #hasAllImports = false;

  /**
   * @param maxMemory bytes to which the memory of a module can grow
   * @param stop the memory through which another thread can stop a guest that computes
   */
  constructor(
    { wasi, script, modules, images }: CompiledComponent,
    maxMemory?: number,
    stop = newStopMemory(),
  ) {
    this.wasi = wasi;
    this.#instantiate = new Function(script)();
    this.#modules = modules;
    this.#stop = stop;
    this.#stoppable = new Set([...modules.values()].filter(importsStop));
    this.#usesDrafts = DRAFT_IMPORT.test(script);
    this.#globals = new Map([...modules.values()].map((module) => [module, stateNames(module)]));
    this.#memories = new Map(
      [...images].map(([name, image]) => [modules.get(name)!, new MemoryPool(image, maxMemory)]),
    );
  }

  /**
   * Returns an instance for one call: most guests are not made for more. It is new, or in the state of a new one.
   * @throws Error if the host lacks a function; the error of a core module that cannot be linked; the trap of a start
   * function
   */
  start(host: Host): Instance {
    noteYield();
    const used = this.#used.pop();
    if (used?.host !== host) return new Instance(this.#create(host), this.#keep);
    used.reset!();
    return new Instance(used, this.#keep);
  }

  readonly #keep = (guest: Guest): void => {
    const kept = [...this.#used, guest].flatMap(({ memories }) => memories);
    const bytes = kept.reduce((sum, { memory }) => sum + memory.buffer.byteLength, 0);
    if (this.#used.length === 0 || bytes <= KEPT_MEMORY) this.#used.push(guest);
  };

  #create(host: Host): Guest {
    const resources = new InstanceResources();
    const task = this.wasi === "0.3" ? new GuestTask() : undefined;
    const memories: PooledMemory[] = [];
    const globals: GlobalState[] = [];
    try {
      const latest = hostImports(host, resources, task);
      const imports = this.#usesDrafts ? { ...latest, ...draftImports(latest) } : latest;
      const checked = this.#hasAllImports ? imports : withoutGaps(imports);
      const exports = this.#instantiate(
        (name) => this.#modules.get(name)!,
        task ? { ...checked, [TASK_IMPORT]: task } : checked,
        (module, imports = {}) => {
          const instance = new WebAssembly.Instance(
            module,
            withExitCode(this.#withMemories(module, imports, memories), resources),
          );
          globals.push(...globalsOf(instance, this.#globals.get(module)!));
          return instance;
        },
      );
      this.#hasAllImports = true;
      const guest = { host, exports, resources, memories, task };
      const forget = this.#usesDrafts ? undefined : exports[RESET] as (() => void) | undefined;
      return { ...guest, reset: forget && (() => reset(guest, globals, forget)) };
    } catch (error) {
      resources[Symbol.dispose]();
      throw error;
    }
  }

  #withMemories(
    module: WebAssembly.Module,
    imports: WebAssembly.Imports,
    memories: PooledMemory[],
  ): WebAssembly.Imports {
    const pool = this.#memories.get(module);
    const isStoppable = this.#stoppable.has(module);
    if (!pool && !isStoppable) return imports;
    const own: Record<string, WebAssembly.Memory> = {};
    if (pool) {
      const memory = pool.acquire();
      memories.push({ memory, pool });
      own[MEMORY_IMPORT.name] = memory;
    }
    if (isStoppable) own[STOP_IMPORT.name] = this.#stop;
    const { module: name } = MEMORY_IMPORT;
    return { ...imports, [name]: { ...imports[name], ...own } };
  }
}

/** A mutable global of a core module, and its initial value. */
interface GlobalState {
  readonly global: WebAssembly.Global;
  readonly initial: unknown;
}

/** Returns the names under which a module exports its mutable globals. */
function stateNames(module: WebAssembly.Module): string[] {
  return WebAssembly.Module.exports(module).map(({ name }) => name)
    .filter((name) => name.startsWith(STATE_EXPORT));
}

function globalsOf({ exports }: WebAssembly.Instance, names: readonly string[]): GlobalState[] {
  return names.map((name) => {
    const global = exports[name] as WebAssembly.Global;
    return { global, initial: global.value };
  });
}

/** Brings a guest whose call has ended back to its initial state. */
function reset(
  { memories, resources }: Guest,
  globals: readonly GlobalState[],
  forget: () => void,
): void {
  for (const { memory, pool } of memories) pool.reset(memory);
  for (const { global, initial } of globals) global.value = initial;
  forget();
  resources.renew();
}

/** Returns imports that throw if a missing function is read: the script would fail only when the guest calls it. */
function withoutGaps(imports: Record<string, object>): Record<string, object> {
  const entries = Object.entries(imports).map(([name, functions]) => {
    const get = (target: object, key: string | symbol) => {
      if (!(key in target)) throw new Error(`the host has no ${String(key)} in ${name}`);
      return Reflect.get(target, key);
    };
    return [name, new Proxy(functions, { get })];
  });
  return Object.fromEntries(entries);
}

/**
 * Replaces `proc_exit` of the preview 1 adapter inside a component, to keep the exit code: `wasi:cli/exit`, which the
 * adapter calls, knows only success and failure.
 */
function withExitCode(
  imports: WebAssembly.Imports,
  resources: InstanceResources,
): WebAssembly.Imports {
  const adapter = imports[PREVIEW1];
  if (!adapter || !("proc_exit" in adapter)) return imports;
  const proc_exit = (code: number) => resources.exit(code >>> 0);
  return { ...imports, [PREVIEW1]: { ...adapter, proc_exit } };
}

interface PooledMemory {
  readonly memory: WebAssembly.Memory;
  readonly pool: MemoryPool;
}

/** An instance, and what the host keeps of it. */
interface Guest {
  readonly host: Host;
  readonly exports: Record<string, unknown>;
  readonly resources: InstanceResources;
  readonly memories: readonly PooledMemory[];
  /** The task of its call; undefined unless it is made for WASI 0.3. */
  readonly task: GuestTask | undefined;
  /** Brings it back to its initial state; undefined if it may have state that is not known. */
  readonly reset?: (() => void) | undefined;
}

/** A guest that can be called once. Disposing of it frees its resources, and makes it trap if it waits. */
export class Instance implements Disposable {
  readonly #guest: Guest;
  readonly #keep: (guest: Guest) => void;
  /** True from the end of its call until it is disposed of. */
  #isReusable = false;
  #hasEnded = false;

  /** @param keep takes a guest that can be used again */
  constructor(guest: Guest, keep: (guest: Guest) => void) {
    this.#guest = guest;
    this.#keep = keep;
  }

  /** The task of its call; undefined unless it is made for WASI 0.3. */
  get task(): GuestTask | undefined {
    return this.#guest.task;
  }

  /** The use of the largest memory of which larder sets the limit; undefined if there is none. */
  get memoryUse(): MemoryUse | undefined {
    const uses = this.#guest.memories.map(({ memory, pool }) => ({
      size: memory.buffer.byteLength,
      limit: pool.limit,
      isOwnLimit: pool.isOwnLimit,
    }));
    return uses.toSorted((a, b) => b.size - a.size)[0];
  }

  /** Allows that it is used again once it is disposed of. Precondition: its call has returned without a trap. */
  recycle(): void {
    const { memories, reset } = this.#guest;
    if (!reset) { for (const { memory, pool } of memories) pool.release(memory); }
    else this.#isReusable = memories.every(({ memory, pool }) => pool.growth(memory) <= MAX_GROWTH);
  }

  /** The code with which the guest called `exit`; undefined if it did not. */
  get exitCode(): number | undefined {
    return this.#guest.resources.exitCode;
  }

  /** Returns an exported interface by the beginning of its name, such as `wasi:cli/run@0.2`; undefined if it has none. */
  interface<T>(name: string): T | undefined {
    const { exports } = this.#guest;
    const key = Object.keys(exports).find((key) => key.startsWith(name));
    return key === undefined ? undefined : exports[key] as T;
  }

  [Symbol.dispose](): void {
    const { resources, task } = this.#guest;
    // Its guest may be another call's since.
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    task?.stop();
    resources[Symbol.dispose]();
    if (this.#isReusable && resources.isRenewable) this.#keep(this.#guest);
  }
}
