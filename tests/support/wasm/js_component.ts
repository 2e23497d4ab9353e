import { Buffer } from "node:buffer";
import { join } from "node:path";
import { run } from "../cli/commands.ts";
import { cached, npmTools } from "./npm_tools.ts";

/** What the component of `guests/all.js` is called as: it exports both a handler of HTTP requests and a command. */
export type JsGuest = "http_handler" | "command";

/** The worlds of `wit/worlds.wit`, each for the module of its name. */
type World = "all" | "http_handler";

const HERE = import.meta.dirname!;
const GUESTS = join(HERE, "guests");
const WIT = ["wit/worlds.wit", "wit/wasi.wit"].map((name) => join(HERE, name));
const COMPONENTIZE = join(HERE, "npm_tools/componentize.mjs");
const LOCK = join(HERE, "npm_tools/package-lock.json");

const HANDLER = "wasi:http/incoming-handler@0.2.3";

const paths = new Map<World, Promise<string>>();

/**
 * Returns a component of JavaScript. A component that exports a handler is called as one, so the command's name for it
 * is one that nothing calls.
 */
export async function jsComponent(name: JsGuest): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Deno.readFileSync(await componentPath("all"));
  if (name === "command") replaceAll(bytes, HANDLER, HANDLER.replace("wasi:", "test:"));
  return bytes;
}

/** Returns a component of `guests/http_handler.js` alone, which imports what those of Spin's JavaScript SDK do. */
export async function jsHandlerAlone(): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFileSync(await componentPath("http_handler"));
}

/**
 * Returns the path of the component that componentize-js builds: 13 MB, like those of Spin's JavaScript SDK. That takes
 * 25 s of CPU and the packages of {@link npmTools}; the result is cached by its inputs.
 */
function componentPath(world: World): Promise<string> {
  let path = paths.get(world);
  if (!path) {
    const modules = [...Deno.readDirSync(GUESTS)].map(({ name }) => name).sort()
      .filter((name) => name.endsWith(".js")).map((name) => join(GUESTS, name));
    const name = `js-${world}`;
    const build = (folder: string) => componentize(world, folder);
    path = cached(name, [...modules, ...WIT, COMPONENTIZE, LOCK], build)
      .then((folder) => fileIn(folder));
    paths.set(world, path);
  }
  return path;
}

async function componentize(world: World, folder: string): Promise<void> {
  const tools = await npmTools();
  const wit = join(folder, "all.wit");
  Deno.writeTextFileSync(wit, WIT.map((path) => Deno.readTextFileSync(path)).join("\n"));
  const module = join(GUESTS, `${world}.js`);
  await run("node", [COMPONENTIZE, tools, module, wit, world.replace("_", "-"), fileIn(folder)]);
}

function fileIn(folder: string): string {
  return join(folder, "guest.wasm");
}

/** Replaces a text by one of the same length. */
function replaceAll(bytes: Uint8Array<ArrayBuffer>, from: string, to: string): void {
  const all = Buffer.from(bytes.buffer);
  for (let at = all.indexOf(from); at !== -1; at = all.indexOf(from, at + 1)) all.write(to, at);
}
