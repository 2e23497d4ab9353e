import { draftImports } from "../wasi/drafts/imports.ts";
import { type Host, hostImports, type HostSettings } from "../wasi/host.ts";
import { noteYield } from "../wasi/io/poll.ts";
import { PREVIEW1 } from "../wasi/preview1/guest.ts";
import { GuestTask } from "../wasi/preview3/guest_task.ts";
import { InstanceResources } from "../wasi/resources.ts";
import { MEMORY_IMPORT, type MemoryShape } from "../wasm/memory_image.ts";
import { MemoryPool } from "../wasm/memory_pool.ts";
import type { WasiVersion } from "../wasm/requirements.ts";
import { TASK_IMPORT } from "./adapt_scripts.ts";
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

/** An import of a draft in a generated script. */
const DRAFT_IMPORT = /imports\['[^']+@0\.2\.0-rc-2023-/;

/** A component that can be instantiated any number of times. */
export class Component {
  readonly wasi: WasiVersion;
  readonly #instantiate: Instantiate;
  readonly #modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly #memories: ReadonlyMap<WebAssembly.Module, MemoryPool>;
  /** True if it imports drafts of 0.2, whose interfaces would be made in vain for all others. */
  readonly #usesDrafts: boolean;
  /** True if the host is known to have every function that the script reads. */
  #hasAllImports = false;

  /** @param maxMemory bytes to which the memory of a module can grow */
  constructor({ wasi, script, modules, images }: CompiledComponent, maxMemory?: number) {
    this.wasi = wasi;
    this.#instantiate = new Function(script)();
    this.#modules = modules;
    this.#usesDrafts = DRAFT_IMPORT.test(script);
    this.#memories = new Map(
      [...images].map(([name, image]) => [modules.get(name)!, new MemoryPool(image, maxMemory)]),
    );
  }

  /**
   * Creates an instance for one call: most guests are not made for more.
   * @throws Error if the host lacks a function; the error of a core module that cannot be linked; the trap of a start
   * function
   */
  start(host: Host): Instance {
    noteYield();
    const resources = new InstanceResources();
    const task = this.wasi === "0.3" ? new GuestTask() : undefined;
    const memories: PooledMemory[] = [];
    try {
      const latest = hostImports(host, resources, task);
      const imports = this.#usesDrafts ? { ...latest, ...draftImports(latest) } : latest;
      const checked = this.#hasAllImports ? imports : withoutGaps(imports);
      const exports = this.#instantiate(
        (name) => this.#modules.get(name)!,
        task ? { ...checked, [TASK_IMPORT]: task } : checked,
        (module, imports = {}) =>
          new WebAssembly.Instance(
            module,
            withExitCode(this.#withMemory(module, imports, memories), resources),
          ),
      );
      this.#hasAllImports = true;
      return new Instance(exports, resources, memories, task);
    } catch (error) {
      resources[Symbol.dispose]();
      throw error;
    }
  }

  #withMemory(
    module: WebAssembly.Module,
    imports: WebAssembly.Imports,
    memories: PooledMemory[],
  ): WebAssembly.Imports {
    const pool = this.#memories.get(module);
    if (!pool) return imports;
    const memory = pool.acquire();
    memories.push({ memory, pool });
    return { ...imports, [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  }
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

/** A guest that can be called. Disposing of it frees its resources, and makes it trap if it waits. */
export class Instance implements Disposable {
  /** The task of its call; undefined unless it is made for WASI 0.3. */
  readonly task: GuestTask | undefined;
  readonly #exports: Record<string, unknown>;
  readonly #resources: InstanceResources;
  readonly #memories: readonly PooledMemory[];

  constructor(
    exports: Record<string, unknown>,
    resources: InstanceResources,
    memories: readonly PooledMemory[],
    task: GuestTask | undefined,
  ) {
    this.task = task;
    this.#exports = exports;
    this.#resources = resources;
    this.#memories = memories;
  }

  /** The use of the largest memory of which larder sets the limit; undefined if there is none. */
  get memoryUse(): MemoryUse | undefined {
    const uses = this.#memories.map(({ memory, pool }) => ({
      size: memory.buffer.byteLength,
      limit: pool.limit,
      isOwnLimit: pool.isOwnLimit,
    }));
    return uses.toSorted((a, b) => b.size - a.size)[0];
  }

  /** Releases its memories for the next instances. Precondition: no call is under way, and none follows. */
  recycle(): void {
    for (const { memory, pool } of this.#memories) pool.release(memory);
  }

  /** The code with which the guest called `exit`; undefined if it did not. */
  get exitCode(): number | undefined {
    return this.#resources.exitCode;
  }

  /** Returns an exported interface by the beginning of its name, such as `wasi:cli/run@0.2`; undefined if it has none. */
  interface<T>(name: string): T | undefined {
    const key = Object.keys(this.#exports).find((key) => key.startsWith(name));
    return key === undefined ? undefined : this.#exports[key] as T;
  }

  [Symbol.dispose](): void {
    this.task?.stop();
    this.#resources[Symbol.dispose]();
  }
}
