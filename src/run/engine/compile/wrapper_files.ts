import { gunzipSync } from "node:zlib";
import { adaptWasmTools } from "../adaptations/adapt_scripts.ts";

/** The tool that makes components of modules: jco's wasm-tools. */
const TOOL = {
  package: "@bytecodealliance/jco-transpile/component",
  script: "wasm-tools.js",
  cores: ["wasm-tools.core.wasm", "wasm-tools.core2.wasm"],
} as const;

/**
 * The adapters from WASI preview 1 to 0.2: for modules with a `_start` function, and for those that export interfaces.
 * The package of the tool does not have them. Source: wasmtime, crates/wasi-preview1-component-adapter.
 */
const ADAPTERS = {
  package: "@bytecodealliance/jco/component",
  command: "../lib/wasi_snapshot_preview1.command.wasm",
  reactor: "../lib/wasi_snapshot_preview1.reactor.wasm",
} as const;

/** Paths relative to the modules of their packages, of files that `scripts/bundle/bundle.ts` embeds. */
export const WRAPPER_FILES: readonly string[] = [
  TOOL.script,
  ...TOOL.cores,
  ADAPTERS.command,
  ADAPTERS.reactor,
];

/** What makes a component of a core module. */
export interface WrapperFiles {
  /** A function body, see {@link adaptWasmTools}. */
  readonly script: string;
  /** The tool's core modules by the names that the script uses. */
  readonly cores: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly adapters: Readonly<Record<"command" | "reactor", Uint8Array<ArrayBuffer>>>;
}

/** Returns the name of an embedded file; it is compressed because a binary reads all that it embeds at every start. */
export function embeddedWrapperName(path: string): string {
  return `${baseName(path)}.gz`;
}

/** Reads one of {@link WRAPPER_FILES} from its package; the script is adapted. */
export function readWrapperFile(path: string): Uint8Array<ArrayBuffer> {
  const { package: name } = path.startsWith("../lib/") ? ADAPTERS : TOOL;
  const bytes = Deno.readFileSync(new URL(path, import.meta.resolve(name)));
  if (path !== TOOL.script) return bytes;
  return new TextEncoder().encode(adaptWasmTools(new TextDecoder().decode(bytes)));
}

/** Reads all files: in a binary the embedded ones, else those of the packages. */
export function readWrapper(): WrapperFiles {
  const read = Deno.build.standalone ? readEmbeddedFile : readWrapperFile;
  return {
    script: new TextDecoder().decode(read(TOOL.script)),
    cores: new Map(TOOL.cores.map((name) => [name, read(name)])),
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
