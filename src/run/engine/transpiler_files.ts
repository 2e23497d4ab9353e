import { gunzipSync } from "node:zlib";
import { adaptTranspiler } from "./adapt_scripts.ts";

/**
 * The package of the transpiler, whose files are read as data because only larder's own host fits it.
 *
 * It is pinned to 1.10, the last version whose output contains nothing of WASI preview 3: with the output of later
 * ones the same calls take two to three times as long. `package.json` replaces the packages that only other commands
 * of jco need, one of which npm no longer has.
 */
const PACKAGE = "@bytecodealliance/jco/component";

const SCRIPT = "js-component-bindgen-component.js";
const CORES = [
  "js-component-bindgen-component.core.wasm",
  "js-component-bindgen-component.core2.wasm",
] as const;

/** Names of the transpiler's files, which `scripts/compile.ts` embeds. */
export const TRANSPILER_FILES: readonly string[] = [SCRIPT, ...CORES];

/** The transpiler, which is itself a component that was transpiled. */
export interface TranspilerFiles {
  /** A function body, see {@link adaptTranspiler}. */
  readonly script: string;
  /** Core modules by the names that the script uses. */
  readonly cores: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Returns the name of an embedded file; it is compressed because a binary reads all that it embeds at every start. */
export function embeddedName(name: string): string {
  return `${name}.gz`;
}

/** Reads one of {@link TRANSPILER_FILES} from the package; the script is adapted. */
export function readPackageFile(name: string): Uint8Array<ArrayBuffer> {
  const folder = new URL("../obj/", import.meta.resolve(PACKAGE));
  const bytes = Deno.readFileSync(new URL(name, folder));
  if (name !== SCRIPT) return bytes;
  return new TextEncoder().encode(adaptTranspiler(new TextDecoder().decode(bytes)));
}

/** Reads the transpiler: in a binary the embedded files, else those of the package. */
export function readTranspiler(): TranspilerFiles {
  const read = Deno.build.standalone ? readEmbeddedFile : readPackageFile;
  return {
    script: new TextDecoder().decode(read(SCRIPT)),
    cores: new Map(CORES.map((name) => [name, read(name)])),
  };
}

function readEmbeddedFile(name: string): Uint8Array<ArrayBuffer> {
  const compressed = Deno.readFileSync(new URL(`./${embeddedName(name)}`, import.meta.url));
  return new Uint8Array(gunzipSync(compressed));
}
