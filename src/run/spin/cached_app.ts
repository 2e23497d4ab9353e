import type { WasmSource } from "../wasm/source.ts";
import type { SpinApp } from "./app.ts";
import type { BlobLocator } from "./static_files.ts";

/** A Spin app in the cache. */
export interface CachedApp {
  readonly kind: "app";
  readonly app: SpinApp;
  /** Finds the static files of components. */
  readonly locate: BlobLocator;
  /** The Wasm of a component. */
  wasm(component: string): WasmSource;
}
