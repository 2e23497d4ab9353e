import { inspectWasm } from "../../wasm/binary/inspect.ts";
import { requirementsOf } from "../../wasm/interfaces/requirements.ts";
import { PREVIEW1 } from "../../wasi/preview1/guest.ts";
import { withClockPause } from "./adapter_clock.ts";
import { emptyHost } from "./transpile.ts";
import type { WrapperFiles } from "./wrapper_files.ts";

/** The exports of the tool's script that are used here. */
interface WasmTools {
  readonly $init: Promise<void>;
  readonly tools: {
    componentNew(
      module: Uint8Array,
      adapters: readonly (readonly [name: string, module: Uint8Array])[],
    ): Uint8Array<ArrayBuffer>;
  };
}

/**
 * Makes a component of a core module that imports or exports interfaces of WASI 0.2 or Spin, as compilers leave it. Its
 * calls of WASI preview 1 go through an adapter. A module of 0.3 MB takes 0.2 to 0.3 s.
 *
 * Invariant: the names in the component were checked, as those of any component before it is transpiled.
 *
 * @throws Error if the module does not describe its interfaces
 */
export async function wrapModule(
  module: Uint8Array,
  { script, cores, adapters }: WrapperFiles,
): Promise<Uint8Array<ArrayBuffer>> {
  const evaluate = new Function("host", "compileCore", script);
  const compileCore = (name: string) => WebAssembly.compile(cores.get(name)!);
  const { $init, tools }: WasmTools = evaluate(emptyHost(), compileCore);
  await $init;
  const { entry } = requirementsOf(inspectWasm(module, "the module"), "the module");
  const adapter = entry === "_start" ? adapters.command : adapters.reactor;
  const component = componentNew(() =>
    tools.componentNew(module, [[PREVIEW1, withClockPause(adapter)]])
  );
  inspectWasm(component, "the component");
  return component;
}

/** Shortens the error of the tool, a line per cause, to the last cause. */
function componentNew(action: () => Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  try {
    return action();
  } catch (error) {
    const cause = String(error).trim().split("\n").at(-1)!.trim().replace(/^\d+: /, "");
    throw new Error(`it cannot become a component: ${cause}`, { cause: error });
  }
}
