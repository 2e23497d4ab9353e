import { gunzipSync } from "node:zlib";

/**
 * Where the transpiler is: a package of npm's whose files are read as data, since only larder's own host fits it.
 *
 * It is held at 1.10, the last whose output has nothing of preview 3 in it: that of later ones takes two to three
 * times as long for the same calls. `package.json` takes away what the package needs for commands that are not
 * used here, of which one names packages that npm does not have.
 */
const PACKAGE = "@bytecodealliance/jco/component";

const SCRIPT = "js-component-bindgen-component.js";
const CORES = [
  "js-component-bindgen-component.core.wasm",
  "js-component-bindgen-component.core2.wasm",
] as const;

/** The transpiler's files, beside each other; `scripts/compile.ts` embeds them under the names that are read here. */
export const TRANSPILER_FILES: readonly string[] = [SCRIPT, ...CORES];

/** The transpiler, which is itself a component that was turned into JavaScript. */
export interface TranspilerFiles {
  readonly script: string;
  /** By the names that the script asks for. */
  readonly cores: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** The folder of the transpiler's files in the package. */
export function transpilerFolder(): URL {
  return new URL("../obj/", import.meta.resolve(PACKAGE));
}

/** The name under which a file is embedded, compressed: what a binary carries, it reads at every start. */
export function embeddedName(name: string): string {
  return `${name}.gz`;
}

export function readTranspiler(): TranspilerFiles {
  const read = (name: string): Uint8Array<ArrayBuffer> =>
    Deno.build.standalone
      ? new Uint8Array(
        gunzipSync(Deno.readFileSync(new URL(`./${embeddedName(name)}`, import.meta.url))),
      )
      : Deno.readFileSync(new URL(name, transpilerFolder()));
  return {
    script: new TextDecoder().decode(read(SCRIPT)),
    cores: new Map(CORES.map((name) => [name, read(name)])),
  };
}
