/**
 * `deno task demo`: the main job in a few seconds, with nothing but this repository. A registry in this process
 * serves a Spin app with a real Wasm module; larder pulls it, confirms it, pulls what changed, and lists it.
 */

import { fileURLToPath } from "node:url";
import { FixtureRegistry } from "../tests/support/fixture_registry.ts";
import { spinApp } from "../tests/support/artifacts.ts";
import { TemporaryFolder } from "../tests/support/temporary.ts";
import { helloModule } from "./demo/hello_module.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** Static files that stay as they are, so that there is something to reuse. */
const PAGES = {
  "index.html": `<!doctype html><title>hello</title>${
    "<p>Hello from the larder.</p>".repeat(40_000)
  }`,
  "style.css": "p { font-family: serif }\n".repeat(20_000),
};

function version(number: number) {
  const module = helloModule(`Hello from version ${number}.\n`);
  return spinApp({ module, assets: PAGES, inlined: { "robots.txt": "User-agent: *\n" } });
}

function explain(text: string): void {
  console.log(`\n# ${text}`);
}

/** Runs larder as a user would, and shows what it says. */
async function larder(home: string, ...args: string[]): Promise<void> {
  console.log(`$ larder ${args.join(" ")}`);
  const { success, code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", MAIN, "--cache-dir", home, ...args],
  }).output().then((output) => {
    Deno.stdout.writeSync(output.stderr);
    Deno.stdout.writeSync(output.stdout);
    return output;
  });
  if (!success) throw new Error(`larder ${args[0]} ended with exit code ${code}`);
}

await using registry = await FixtureRegistry.start();
using home = new TemporaryFolder();
const app = registry.add("demo/hello", await version(1), "latest");
const requests = () => registry.requests().map(({ method, path }) => `${method} ${path}`);

explain(
  "A registry is running in this process, with a Spin app in it. The first pull fetches all of it:",
);
await larder(home.path, "pull", app);

explain(
  "Nothing has changed. larder asks the registry all the same, in one request, and fetches nothing:",
);
registry.clearLog();
await larder(home.path, "pull", app);
console.log(`(the registry saw: ${requests().join(", ")})`);

explain("The tag moves to a new version of the Wasm module. Only what changed is fetched:");
registry.add("demo/hello", await version(2), "latest");
await larder(home.path, "pull", app);

explain("The cache, as `larder list -v` shows it:");
await larder(home.path, "list", "-v");

explain("Without the registry, the cached copy can still be had:");
await larder(home.path, "pull", "--offline", app);
