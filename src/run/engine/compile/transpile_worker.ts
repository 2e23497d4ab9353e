/** The transpiling thread: transpiles one component, or a core module that it makes a component of first. */
import { messageOf } from "../../../base/errors.ts";
import { workerScope } from "../../../base/worker.ts";
import type { WasiVersion } from "../../wasm/interfaces/requirements.ts";
import { transpile, type Transpiled } from "./transpile.ts";
import type { TranspilerFiles } from "./transpiler_files.ts";
import { wrapModule } from "./wrap_module.ts";
import type { WrapperFiles } from "./wrapper_files.ts";

export interface TranspileRequest {
  readonly component: Uint8Array;
  readonly wasi: WasiVersion;
  readonly files: TranspilerFiles;
  /** For a core module. */
  readonly wrapper: WrapperFiles | undefined;
}

export type TranspileResult = Transpiled | { readonly error: string };

const scope = workerScope<TranspileRequest, TranspileResult>();

scope.onmessage = async ({ data }) => {
  try {
    const { component, wasi, files, wrapper } = data;
    const wrapped = wrapper ? await wrapModule(component, wrapper) : component;
    const transpiled = await transpile(wrapped, wasi, files);
    const images = [...transpiled.images.values()].map(({ bytes }) => bytes);
    const buffers = [...transpiled.modules.values(), ...images].map(({ buffer }) => buffer);
    scope.postMessage(transpiled, [...new Set(buffers)]);
  } catch (error) {
    scope.postMessage({ error: messageOf(error) }, []);
  }
};
