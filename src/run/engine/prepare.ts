import { messageOf } from "../../base/errors.ts";
import { limitMemories } from "../wasm/rewrite/limit_memory.ts";
import { unsupportedWasm } from "../wasm/interfaces/other_engines.ts";
import {
  type Requirements,
  requirementsOf,
  runsAsModule,
} from "../wasm/interfaces/requirements.ts";
import { stubsOf, usesStores } from "../wasm/interfaces/spin_interfaces.ts";
import type { WasmSource } from "../wasm/source.ts";
import type { CompiledModule } from "./command/command_worker.ts";
import { cannotCompile, type Compiler } from "./compile/compiler.ts";
import type { CompiledComponent } from "./component.ts";

/** Wasm that the embedded engine can run. */
export interface PreparedWasm {
  readonly source: WasmSource;
  /** "component" also for a core module that a component is made of. */
  readonly form: "module" | "component";
  readonly requirements: Requirements;
  /** Interfaces that are missing, so that each call of them fails. */
  readonly stubs: readonly string[];
  /** True if it imports key-value stores or SQLite databases. */
  readonly usesStores: boolean;
}

/**
 * Reads the imports and exports of Wasm, and refuses what the embedded engine cannot run. Nothing of it runs yet.
 * @param isInApp true for a component of a Spin app
 * @throws LarderError LDR_BAD_WASM, LDR_NOT_RUNNABLE, LDR_UNSUPPORTED_WASM, LDR_NOT_FOUND, LDR_DISK*
 */
export function prepareWasm(source: WasmSource, isInApp = false): PreparedWasm {
  const binary = source.inspect();
  const requirements = requirementsOf(binary, source.name);
  if (requirements.unsupported.length > 0) {
    throw unsupportedWasm(source.name, requirements, isInApp);
  }
  const imports = binary.kind === "component"
    ? binary.imports
    : [...new Set(binary.imports.map(({ module }) => module))];
  return {
    source,
    form: runsAsModule(binary, requirements) ? "module" : "component",
    requirements,
    stubs: stubsOf(imports),
    usesStores: usesStores(imports),
  };
}

/**
 * Returns the compiled form of a component, from the cache if possible, and frees the source.
 * @throws LarderError LDR_BAD_WASM, LDR_DISK*, LDR_INTERRUPTED
 */
export async function compileComponent(
  { source, requirements }: PreparedWasm,
  options: {
    readonly compiler: Compiler;
    readonly onCompile?: (name: string) => void;
    readonly warn?: (message: string) => void;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<CompiledComponent> {
  const compiled = await options.compiler.compile(await source.digest(), () => source.read(), {
    wasi: requirements.wasi,
    onMiss: () => options.onCompile?.(source.name),
    warn: options.warn && ((message) => options.warn!(`${source.name}: ${message}`)),
    signal: options.signal,
  });
  source.free();
  return compiled;
}

/**
 * Compiles a core module and limits its memory. The result is not stored: compiling it again is fast enough.
 * @throws LarderError LDR_BAD_WASM
 */
export async function compileModule({ source }: PreparedWasm): Promise<CompiledModule> {
  const bytes = source.read();
  try {
    const { code, image } = limitMemories(bytes);
    return { module: await WebAssembly.compile(code), image };
  } catch (error) {
    throw cannotCompile(source.name, messageOf(error), error);
  }
}
