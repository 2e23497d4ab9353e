import type { WasmSource } from "../wasm/source.ts";
import type { SpinApp } from "./app.ts";
import type { FileLocator } from "./static_files.ts";

/** A Spin app in the cache, or a project. */
export interface CachedApp {
  readonly kind: "app";
  readonly app: SpinApp;
  /** Locates static files of the components. */
  readonly locate: FileLocator;
  /** Returns the Wasm of a component. @throws LarderError LDR_NOT_CACHED, LDR_BAD_MANIFEST */
  wasm(component: string): WasmSource;
}
