/** The transpiling thread: transpiles one component. */
import { messageOf } from "../../base/errors.ts";
import { workerScope } from "../../base/worker.ts";
import type { WasiVersion } from "../wasm/requirements.ts";
import { transpile, type Transpiled } from "./transpile.ts";
import type { TranspilerFiles } from "./transpiler_files.ts";

export interface TranspileRequest {
  readonly component: Uint8Array;
  readonly wasi: WasiVersion;
  readonly files: TranspilerFiles;
}

export type TranspileResult = Transpiled | { readonly error: string };

const scope = workerScope<TranspileRequest, TranspileResult>();

scope.onmessage = async ({ data }) => {
  try {
    const transpiled = await transpile(data.component, data.wasi, data.files);
    const images = [...transpiled.images.values()].map(({ bytes }) => bytes);
    const buffers = [...transpiled.modules.values(), ...images].map(({ buffer }) => buffer);
    scope.postMessage(transpiled, [...new Set(buffers)]);
  } catch (error) {
    scope.postMessage({ error: messageOf(error) }, []);
  }
};
