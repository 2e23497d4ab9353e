import type { Compiler } from "./compiler.ts";
import type { CompiledComponent } from "./engine.ts";
import { cannotRun, type Requirements, requirementsOf } from "./requirements.ts";
import type { WasmSource } from "./runnable.ts";
import { inspectWasmFile } from "./wasm_binary.ts";

/** A piece of Wasm that the embedded engine can run. */
export interface Prepared {
  readonly source: WasmSource;
  readonly form: "module" | "component";
  readonly requirements: Requirements;
}

/**
 * Looks at a piece of Wasm before anything of it runs.
 * @throws LarderError LDR_BAD_WASM, LDR_NOT_RUNNABLE, LDR_UNSUPPORTED_WASM
 */
export function prepareWasm(source: WasmSource): Prepared {
  const binary = inspectWasmFile(source.path, source.name);
  const requirements = requirementsOf(binary, source.name);
  if (requirements.unsupported.length > 0) throw cannotRun(source.name, requirements);
  return { source, form: binary.kind, requirements };
}

/**
 * The compiled form of a component; it is made and kept where the cache has none.
 * @throws LarderError LDR_BAD_WASM, LDR_DISK*, LDR_INTERRUPTED
 */
export function compileWasm(
  { source }: Prepared,
  options: {
    readonly compiler: Compiler;
    readonly onCompile?: (name: string) => void;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<CompiledComponent> {
  return options.compiler.compile(source.digest, () => Deno.readFileSync(source.path), {
    onMiss: () => options.onCompile?.(source.name),
    signal: options.signal,
  });
}
