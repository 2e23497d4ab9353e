import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";
import { join } from "node:path";
import { type CompiledComponent, Component } from "../../../src/run/engine/component.ts";
import { transpile } from "../../../src/run/engine/transpile.ts";
import { readTranspiler } from "../../../src/run/engine/transpiler_files.ts";

const HERE = import.meta.dirname!;
const WIT = Deno.readTextFileSync(join(HERE, "wit/wasi.wit"));

/** A core module or a component, from its text. */
export async function binaryOf(wat: string): Promise<Uint8Array<ArrayBuffer>> {
  return await parse(wat) as Uint8Array<ArrayBuffer>;
}

/** A core module, from its text. */
export async function moduleOf(wat: string): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(await binaryOf(wat));
}

/**
 * A component, from the text of its core module, which imports and exports as the Canonical ABI says.
 * @param world what it imports and exports, in WIT: `import wasi:cli/stdout@0.2.3;`
 */
export async function componentOf(wat: string, world: string): Promise<Uint8Array<ArrayBuffer>> {
  const embedded = await componentEmbed({
    binary: await parse(wat),
    witSource: `package larder:test;\nworld guest {\n${world}\n}\n${interfacesFor(world)}`,
    world: "guest",
    stringEncoding: "utf8",
  });
  return await componentNew(embedded, []) as Uint8Array<ArrayBuffer>;
}

/** The component, compiled as for the cache. */
export async function compileComponent(bytes: Uint8Array): Promise<CompiledComponent> {
  const { script, modules, images } = await transpile(bytes, readTranspiler());
  const compiled = [...modules].map(([name, bytes]) =>
    [name, new WebAssembly.Module(bytes)] as const
  );
  return { script, modules: new Map(compiled), images };
}

/** The interfaces in every version of WASI that a world names: those that are used here are alike in all of 0.2. */
function interfacesFor(world: string): string {
  const wasi = WIT.slice(0, WIT.indexOf("package fermyon:"));
  const versions = new Set(world.match(/(?<=@)0\.2\.\d+/g)).difference(new Set(["0.2.3"]));
  return [WIT, ...[...versions].map((version) => wasi.replaceAll("@0.2.3", `@${version}`))].join(
    "",
  );
}

/** The component, compiled and ready to be instantiated. */
export async function loadComponent(bytes: Uint8Array): Promise<Component> {
  return new Component(await compileComponent(bytes));
}

/** A component of `guests/`, ready to be instantiated. */
export async function guestComponent(name: string): Promise<Component> {
  return await loadComponent(await guestBytes(name));
}

/**
 * A component of `guests/`: its text is there, and the world in its first comments.
 * @param edit changes the text
 */
export async function guestBytes(
  name: string,
  edit = (wat: string) => wat,
): Promise<Uint8Array<ArrayBuffer>> {
  const wat = edit(guestText(name));
  const world = [...wat.matchAll(/^;;! (.*)$/gm)].map(([, line]) => line).join("\n");
  return await componentOf(wat, world);
}

/** A component whose start function does not return. */
export async function endlessStart(): Promise<Uint8Array<ArrayBuffer>> {
  const start = "(func $forever (loop $again (br $again))) (start $forever))";
  return await guestBytes("http_cases", (wat) => wat.replace(/\)\s*$/, start));
}

/** A core module of `guests/`. */
export async function moduleBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await parse(guestText(name)) as Uint8Array<ArrayBuffer>;
}

/** The text of a guest in `guests/`. */
function guestText(name: string): string {
  return Deno.readTextFileSync(join(HERE, "guests", `${name}.wat`));
}

/** A core module of `guests/`. */
export function guestModule(name: string): Promise<WebAssembly.Module> {
  return moduleOf(guestText(name));
}
