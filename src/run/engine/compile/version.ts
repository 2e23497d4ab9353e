import type { WasiVersion } from "../../wasm/interfaces/requirements.ts";

/**
 * The versions of the embedded engine by the version of WASI that a component is made for. They are a part of the key
 * of compiled code: the version of the transpiler, and a number that changes with the options and with everything else
 * that changes its output.
 */
export const ENGINE_VERSIONS: Readonly<Record<WasiVersion, string>> = {
  "0.2": "jco-1.10.2-8",
  "0.3": "jco-transpile-0.15.0-8",
};
