import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";
import { join } from "node:path";
import { type CompiledComponent, Component } from "../../../src/run/engine/component.ts";
import { transpile } from "../../../src/run/engine/compile/transpile.ts";
import { readTranspiler } from "../../../src/run/engine/compile/transpiler_files.ts";
import type { WasiVersion } from "../../../src/run/wasm/interfaces/requirements.ts";

const HERE = import.meta.dirname!;
const WIT = Deno.readTextFileSync(join(HERE, "wit/wasi.wit"));
const WIT_3 = Deno.readTextFileSync(join(HERE, "wit/wasi3.wit"));
const DRAFT_WIT = Deno.readTextFileSync(join(HERE, "wit/draft.wit"));

/** Compiles the text of a core module or component. */
export async function binaryOf(wat: string): Promise<Uint8Array<ArrayBuffer>> {
  return await parse(wat) as Uint8Array<ArrayBuffer>;
}

/** Compiles the text of a core module, ready to be instantiated. */
export async function moduleOf(wat: string): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(await binaryOf(wat));
}

/**
 * Builds a component from the text of its core module, whose imports and exports follow the Canonical ABI.
 * @param world imports and exports in WIT: `import wasi:cli/stdout@0.2.3;`
 */
export async function componentOf(wat: string, world: string): Promise<Uint8Array<ArrayBuffer>> {
  const module = await describedModule(await binaryOf(wat), world);
  return await componentNew(module, []) as Uint8Array<ArrayBuffer>;
}

/** Adds the description of its interfaces to a core module, as compilers leave it for a component. */
export async function describedModule(
  module: Uint8Array,
  world: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return await componentEmbed({
    binary: module,
    witSource: `package larder:test;\nworld guest {\n${world}\n}\n${interfacesFor(world)}`,
    world: "guest",
    stringEncoding: "utf8",
  }) as Uint8Array<ArrayBuffer>;
}

/**
 * Builds a component of `guests/` for WASI 0.3 from its text; the world is in the first comments.
 * @param edit is applied to that text, and to the WIT of WASI
 */
export async function asyncGuestBytes(
  name: string,
  edit?: (text: string) => string,
): Promise<Uint8Array<ArrayBuffer>> {
  const tools = await newerTools();
  const module = await asyncGuestModule(name, edit);
  return await tools.componentNew(module, []) as Uint8Array<ArrayBuffer>;
}

/** Builds the core module of such a component. */
export async function asyncGuestModule(
  name: string,
  edit = (text: string) => text,
): Promise<Uint8Array<ArrayBuffer>> {
  const tools = await newerTools();
  const wat = edit(guestText(name));
  return await tools.componentEmbed({
    binary: await tools.parse(wat),
    witSource: `package larder:test;\nworld guest {\n${worldOf(wat)}\n}\n${edit(WIT_3)}`,
    world: "guest",
    stringEncoding: "utf8",
  }) as Uint8Array<ArrayBuffer>;
}

/** A newer wit-component than in jco, which lacks asynchronous functions. */
function newerTools() {
  return import("@bytecodealliance/jco-transpile/wasm-tools");
}

/** Compiles a component as for the cache. */
export async function compileComponent(
  bytes: Uint8Array,
  wasi: WasiVersion = "0.2",
): Promise<CompiledComponent> {
  const { script, modules, images } = await transpile(bytes, wasi, readTranspiler(wasi));
  const compiled = [...modules].map(([name, bytes]) =>
    [name, new WebAssembly.Module(bytes)] as const
  );
  return { wasi, script, modules: new Map(compiled), images };
}

/** Returns the interfaces in every version of WASI that a world names; those used here are the same in all of 0.2. */
function interfacesFor(world: string): string {
  const wasi = WIT.slice(0, WIT.indexOf("package fermyon:"));
  const versions = new Set(world.match(/(?<=@)0\.2\.\d+(?=;)/g)).difference(new Set(["0.2.3"]));
  const drafts = world.includes("-rc-2023-10-18") ? [DRAFT_WIT] : [];
  return [
    WIT,
    ...drafts,
    ...[...versions].map((version) => wasi.replaceAll("@0.2.3", `@${version}`)),
  ].join(
    "",
  );
}

/** Compiles a component, ready to be instantiated. */
export async function loadComponent(
  bytes: Uint8Array,
  wasi: WasiVersion = "0.2",
): Promise<Component> {
  return new Component(await compileComponent(bytes, wasi));
}

/** Returns a component of `guests/`, ready to be instantiated. */
export async function guestComponent(name: string): Promise<Component> {
  return await loadComponent(await guestBytes(name));
}

/**
 * Builds a component of `guests/` from its text; the world is in the first comments.
 * @param edit changes the text
 */
export async function guestBytes(
  name: string,
  edit = (wat: string) => wat,
): Promise<Uint8Array<ArrayBuffer>> {
  const wat = edit(guestText(name));
  return await componentOf(wat, worldOf(wat));
}

/** Builds the core module of a component of `guests/`, which also calls WASI preview 1 if `edit` adds that. */
export async function guestCoreModule(
  name: string,
  edit = (wat: string) => wat,
): Promise<Uint8Array<ArrayBuffer>> {
  const wat = edit(guestText(name));
  return await describedModule(await binaryOf(wat), worldOf(wat));
}

/**
 * Builds a core module that answers HTTP requests as `http_cases.wat` does, and prints "hello" with WASI preview 1 for
 * each `/hello`.
 */
export function printingHandler(): Promise<Uint8Array<ArrayBuffer>> {
  return guestCoreModule("http_cases", (wat) =>
    wat
      .replace(
        "(module\n",
        `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $print (param i32 i32 i32 i32) (result i32)))
`,
      )
      .replace(
        "(func $hello (param $s i32)\n",
        `(func $hello (param $s i32)
    (i32.store (i32.const 2048) (i32.const 1024))
    (i32.store (i32.const 2052) (i32.const 6))
    (drop (call $print (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 2056)))
`,
      ));
}

function worldOf(wat: string): string {
  return [...wat.matchAll(/^;;! (.*)$/gm)].map(([, line]) => line).join("\n");
}

/** Returns a component of Spin's Rust SDK 5.2 that counts its requests in a store; its source is in `guests/rust_kv`. */
export function rustKeyValue(): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(join(HERE, "guests/rust_kv.wasm"));
}

/** Returns a component of Spin's Rust SDK 5.2 that answers each request alike; its source is in `guests/rust_tiny`. */
export function rustTiny(): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(join(HERE, "guests/rust_tiny.wasm"));
}

/** Returns one of the SDK 6.0, which is made for WASI 0.3; its source is in `guests/rust_kv_async`. */
export function rustAsyncKeyValue(): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(join(HERE, "guests/rust_kv_async.wasm"));
}

/** Builds a component whose start function does not return. */
export async function endlessStart(): Promise<Uint8Array<ArrayBuffer>> {
  const start = "(func $forever (loop $again (br $again))) (start $forever))";
  return await guestBytes("http_cases", (wat) => wat.replace(/\)\s*$/, start));
}

/** Compiles a core module of `guests/`. */
export async function moduleBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await parse(guestText(name)) as Uint8Array<ArrayBuffer>;
}

/** Returns the text of a guest in `guests/`. */
function guestText(name: string): string {
  return Deno.readTextFileSync(join(HERE, "guests", `${name}.wat`));
}

/** Compiles a core module of `guests/`, ready to be instantiated. */
export function guestModule(name: string): Promise<WebAssembly.Module> {
  return moduleOf(guestText(name));
}
