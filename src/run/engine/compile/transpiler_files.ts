import { gunzipSync } from "node:zlib";
import type { WasiVersion } from "../../wasm/interfaces/requirements.ts";
import { adaptTranspiler } from "../adaptations/adapt_scripts.ts";

/**
 * The packages of the transpilers, whose files are read as data because only larder's own host fits them.
 *
 * 0.2 is pinned to jco 1.10, the last version whose output contains nothing of WASI 0.3: with the output of
 * jco-transpile 0.15, a request of a small 0.2 component takes 5.1 ms instead of 1.9. `package.json` replaces the packages
 * that only other commands of jco need, one of which npm no longer has.
 */
const PACKAGES: Readonly<Record<WasiVersion, { readonly name: string; readonly folder: string }>> =
  {
    "0.2": { name: "@bytecodealliance/jco/component", folder: "../obj/" },
    "0.3": { name: "@bytecodealliance/jco-transpile/component", folder: "./" },
  };

const SCRIPT = "js-component-bindgen-component.js";
const CORES = [
  "js-component-bindgen-component.core.wasm",
  "js-component-bindgen-component.core2.wasm",
] as const;

/** A file of one of the transpilers. */
export interface TranspilerFile {
  readonly wasi: WasiVersion;
  readonly name: string;
}

/** The files of the transpilers, which `scripts/bundle/bundle.ts` embeds. */
export const TRANSPILER_FILES: readonly TranspilerFile[] = (["0.2", "0.3"] as const)
  .flatMap((wasi) => [SCRIPT, ...CORES].map((name) => ({ wasi, name })));

/** The transpiler, which is itself a component that was transpiled. */
export interface TranspilerFiles {
  /** A function body, see {@link adaptTranspiler}. */
  readonly script: string;
  /** Core modules by the names that the script uses. */
  readonly cores: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Returns the name of an embedded file; it is compressed because a binary reads all that it embeds at every start. */
export function embeddedName({ wasi, name }: TranspilerFile): string {
  return `wasi-${wasi}-${name}.gz`;
}

/** Reads one of {@link TRANSPILER_FILES} from its package; the script is adapted. */
export function readPackageFile({ wasi, name }: TranspilerFile): Uint8Array<ArrayBuffer> {
  const { name: packageName, folder } = PACKAGES[wasi];
  const bytes = Deno.readFileSync(new URL(name, new URL(folder, import.meta.resolve(packageName))));
  if (name !== SCRIPT) return bytes;
  return new TextEncoder().encode(adaptTranspiler(new TextDecoder().decode(bytes), wasi));
}

/** Reads the transpiler of a version of WASI: in a binary the embedded files, else those of the package. */
export function readTranspiler(wasi: WasiVersion): TranspilerFiles {
  const read = Deno.build.standalone ? readEmbeddedFile : readPackageFile;
  return {
    script: new TextDecoder().decode(read({ wasi, name: SCRIPT })),
    cores: new Map(CORES.map((name) => [name, read({ wasi, name })])),
  };
}

function readEmbeddedFile(file: TranspilerFile): Uint8Array<ArrayBuffer> {
  const compressed = Deno.readFileSync(new URL(`./${embeddedName(file)}`, import.meta.url));
  return new Uint8Array(gunzipSync(compressed));
}
