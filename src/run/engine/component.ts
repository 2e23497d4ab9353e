import { type Host, hostImports, type HostSettings } from "../wasi/host.ts";
import { MemoryPool } from "../wasm/memory_pool.ts";
import { MEMORY_IMPORT, type MemoryShape } from "../wasm/memory_image.ts";
import { InstanceResources } from "../wasi/resources.ts";
import { noteYield } from "../wasi/io/poll.ts";
import { PREVIEW1 } from "../wasi/preview1/imports.ts";

/** What a transpiled script has: one function, which is synchronous where all that it is given is. */
type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: Record<string, object>,
  instantiateCore: (
    module: WebAssembly.Module,
    imports?: WebAssembly.Imports,
  ) => WebAssembly.Instance,
) => Record<string, unknown>;

/** A component that is ready to be instantiated, as plain data that threads share. */
export interface CompiledComponent {
  /** A function's body that returns its `instantiate`. */
  readonly script: string;
  /** Its core modules, by the names that the script calls them. */
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  /** What the memories of modules hold that import them, by the modules' names. */
  readonly images: ReadonlyMap<string, { readonly shape: MemoryShape; readonly bytes: Uint8Array }>;
}

/** What a guest's thread runs: the compiled form of one component, and what it is granted. */
export interface GuestProgram extends CompiledComponent {
  readonly settings: HostSettings;
}

/** A transpiled component, of which there can be any number of instances. */
export class Component {
  readonly #instantiate: Instantiate;
  readonly #modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly #memories: ReadonlyMap<WebAssembly.Module, MemoryPool>;
  /** Whether the host is known to have every function that the script asks for. */
  #isMet = false;

  constructor({ script, modules, images }: CompiledComponent) {
    this.#instantiate = new Function(script)();
    this.#modules = modules;
    this.#memories = new Map(
      [...images].map(([name, { shape, bytes }]) => [
        modules.get(name)!,
        new MemoryPool(shape, bytes),
      ]),
    );
  }

  /**
   * Makes an instance; it serves one call, as most guests can take no more.
   * @throws where the host lacks a function, where its modules do not fit, and what traps as they start
   */
  start(host: Host): Instance {
    noteYield();
    const resources = new InstanceResources();
    const taken: Taken[] = [];
    try {
      const imports = hostImports(host, resources);
      const exports = this.#instantiate(
        (name) => this.#modules.get(name)!,
        this.#isMet ? imports : whole(imports),
        (module, imports = {}) =>
          new WebAssembly.Instance(
            module,
            withExit(this.#withMemory(module, imports, taken), resources),
          ),
      );
      this.#isMet = true;
      return new Instance(exports, resources, taken);
    } catch (error) {
      resources[Symbol.dispose]();
      throw error;
    }
  }

  #withMemory(
    module: WebAssembly.Module,
    imports: WebAssembly.Imports,
    taken: Taken[],
  ): WebAssembly.Imports {
    const memories = this.#memories.get(module);
    if (!memories) return imports;
    const memory = memories.acquire();
    taken.push({ memory, memories });
    return { ...imports, [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  }
}

/** The imports, where asking for what is not there fails: the script would find out only when the guest calls it. */
function whole(imports: Record<string, object>): Record<string, object> {
  const entries = Object.entries(imports).map(([name, functions]) => {
    const get = (target: object, key: string | symbol) => {
      if (!(key in target)) throw new Error(`nobody has ${String(key)} of ${name}`);
      return Reflect.get(target, key);
    };
    return [name, new Proxy(functions, { get })];
  });
  return Object.fromEntries(entries);
}

/**
 * Takes the exit code of a module of preview 1 before the adapter does, which components made of such modules have
 * in them: preview 2 knows success and failure only, so that the code would be lost.
 */
function withExit(imports: WebAssembly.Imports, resources: InstanceResources): WebAssembly.Imports {
  const adapter = imports[PREVIEW1];
  if (!adapter || !("proc_exit" in adapter)) return imports;
  const proc_exit = (code: number) => resources.exit(code >>> 0);
  return { ...imports, [PREVIEW1]: { ...adapter, proc_exit } };
}

/** A memory that an instance has, and where it came from. */
interface Taken {
  readonly memory: WebAssembly.Memory;
  readonly memories: MemoryPool;
}

/** A guest that can be called. Disposing of it frees what it holds, and traps it where it waits. */
export class Instance implements Disposable {
  readonly #exports: Record<string, unknown>;
  readonly #resources: InstanceResources;
  readonly #taken: readonly Taken[];

  constructor(
    exports: Record<string, unknown>,
    resources: InstanceResources,
    taken: readonly Taken[],
  ) {
    this.#exports = exports;
    this.#resources = resources;
    this.#taken = taken;
  }

  /** Gives its memories to the next instances: for a guest of which no call is under way, nor ever will be. */
  recycle(): void {
    for (const { memory, memories } of this.#taken) memories.release(memory);
  }

  /** What the guest called `exit` with, undefined if it did not. */
  get exitCode(): number | undefined {
    return this.#resources.exitCode;
  }

  /** An interface that the guest exports, whatever its version: `wasi:cli/run`. */
  interface<T>(name: string): T {
    const key = Object.keys(this.#exports).find((key) => key.startsWith(`${name}@`));
    return this.#exports[key!] as T;
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }
}
