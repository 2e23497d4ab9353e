/** The transpiling thread: turns one component into JavaScript and core modules, and is ended then. */
import { workerScope } from "../../base/worker.ts";
import { messageOf } from "../../base/errors.ts";
import { transpile, type Transpiled } from "./transpile.ts";
import type { TranspilerFiles } from "./transpiler_files.ts";

/** What it is told. */
export interface TranspileRequest {
  readonly component: Uint8Array;
  readonly files: TranspilerFiles;
}

/** What it answers; the bytes are handed over. */
export type TranspileResult = Transpiled | { readonly error: string };

const scope = workerScope<TranspileRequest, TranspileResult>();

scope.onmessage = async ({ data }) => {
  try {
    const transpiled = await transpile(data.component, data.files);
    const images = [...transpiled.images.values()].map(({ bytes }) => bytes);
    const buffers = [...transpiled.modules.values(), ...images].map(({ buffer }) => buffer);
    scope.postMessage(transpiled, [...new Set(buffers)]);
  } catch (error) {
    scope.postMessage({ error: messageOf(error) }, []);
  }
};
