import { gunzipSync } from "node:zlib";
import { adaptWasmTools } from "./adapt_scripts.ts";

/** The package of the transpiler, which also has the tool that makes components of modules. */
const PACKAGE = "@bytecodealliance/jco/component";

const SCRIPT = "obj/wasm-tools.js";
const CORES = ["obj/wasm-tools.core.wasm", "obj/wasm-tools.core2.wasm"] as const;

/**
 * The adapters from WASI preview 1 to 0.2: for modules with a `_start` function, and for those that export interfaces.
 * Source: wasmtime, crates/wasi-preview1-component-adapter.
 */
const ADAPTERS = {
  command: "lib/wasi_snapshot_preview1.command.wasm",
  reactor: "lib/wasi_snapshot_preview1.reactor.wasm",
} as const;

/** Paths in the package, of files that `scripts/compile.ts` embeds. */
export const WRAPPER_FILES: readonly string[] = [SCRIPT, ...CORES, ...Object.values(ADAPTERS)];

/** What makes a component of a core module. */
export interface WrapperFiles {
  /** A function body, see {@link adaptWasmTools}. */
  readonly script: string;
  /** The tool's core modules by the names that the script uses. */
  readonly cores: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly adapters: Readonly<Record<keyof typeof ADAPTERS, Uint8Array<ArrayBuffer>>>;
}

/** Returns the name of an embedded file; it is compressed because a binary reads all that it embeds at every start. */
export function embeddedWrapperName(path: string): string {
  return `${baseName(path)}.gz`;
}

/** Reads one of {@link WRAPPER_FILES} from the package; the script is adapted. */
export function readWrapperFile(path: string): Uint8Array<ArrayBuffer> {
  const root = new URL("../", import.meta.resolve(PACKAGE));
  const bytes = Deno.readFileSync(new URL(path, root));
  if (path !== SCRIPT) return bytes;
  return new TextEncoder().encode(adaptWasmTools(new TextDecoder().decode(bytes)));
}

/** Reads all files: in a binary the embedded ones, else those of the package. */
export function readWrapper(): WrapperFiles {
  const read = Deno.build.standalone ? readEmbeddedFile : readWrapperFile;
  return {
    script: new TextDecoder().decode(read(SCRIPT)),
    cores: new Map(CORES.map((path) => [baseName(path), read(path)])),
    adapters: { command: read(ADAPTERS.command), reactor: read(ADAPTERS.reactor) },
  };
}

function readEmbeddedFile(path: string): Uint8Array<ArrayBuffer> {
  const name = embeddedWrapperName(path);
  return new Uint8Array(gunzipSync(Deno.readFileSync(new URL(`./${name}`, import.meta.url))));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
