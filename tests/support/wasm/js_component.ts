import { join } from "node:path";
import { run } from "../cli/commands.ts";
import { cached, npmTools } from "./npm_tools.ts";

/** JavaScript modules in `guests/`; their worlds are in `wit/worlds.wit`. */
export type JsGuest = "http_handler" | "command" | "sockets" | "socket_handler";

const HERE = import.meta.dirname!;
const WIT = ["wit/worlds.wit", "wit/wasi.wit"].map((name) => join(HERE, name));
const COMPONENTIZE = join(HERE, "npm_tools/componentize.mjs");
const LOCK = join(HERE, "npm_tools/package-lock.json");

const paths = new Map<JsGuest, Promise<string>>();

/**
 * Returns the path of the component that componentize-js builds from a guest: 12 MB, like those of Spin's JavaScript
 * SDK. The build takes half a minute and needs the packages of {@link npmTools}; its result is cached by its inputs.
 */
function jsComponentPath(name: JsGuest): Promise<string> {
  let path = paths.get(name);
  if (!path) {
    const source = join(HERE, `guests/${name}.js`);
    const build = (folder: string) => componentize(name, source, folder);
    path = cached(name, [source, ...WIT, COMPONENTIZE, LOCK], build)
      .then((folder) => fileIn(folder, name));
    paths.set(name, path);
  }
  return path;
}

/** Returns the bytes of a guest as a component, see {@link jsComponentPath}. */
export async function jsComponent(
  name: JsGuest,
): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFileSync(await jsComponentPath(name));
}

async function componentize(
  name: JsGuest,
  source: string,
  folder: string,
): Promise<void> {
  const tools = await npmTools();
  const wit = join(folder, "all.wit");
  Deno.writeTextFileSync(
    wit,
    WIT.map((path) => Deno.readTextFileSync(path)).join("\n"),
  );
  const world = name.replace("_", "-");
  const args = [COMPONENTIZE, tools, source, wit, world, fileIn(folder, name)];
  await run("node", args);
}

function fileIn(folder: string, name: JsGuest): string {
  return join(folder, `${name}.wasm`);
}
