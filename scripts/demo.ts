// deno-lint-ignore-file no-console
/**
 * `deno task demo`: shows the freshness of tags in a few seconds, with nothing but this repository. A registry in
 * this process holds a Spin app whose component answers HTTP requests. larder runs the app before and after its tag moves.
 */

import { fileURLToPath } from "node:url";
import { packApp } from "../tests/support/cache/spin_apps.ts";
import { childEnvironment } from "../tests/support/cli/environment.ts";
import { TestRegistry } from "../tests/support/registry/test_registry.ts";
import { TemporaryFolder } from "../tests/support/temporary.ts";
import { helloComponent } from "./demo/hello_component.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** Static files that both versions share, so that the second run can reuse them. */
const PAGES = {
  "index.html": `<!doctype html><title>hello</title>${
    "<p>Hello from the larder.</p>".repeat(40_000)
  }`,
  "style.css": "p { font-family: serif }\n".repeat(20_000),
};

async function version(number: number) {
  const wasm = await helloComponent(`Hello from version ${number}.\n`);
  return await packApp({ components: { hello: { wasm, files: PAGES } } });
}

function explain(text: string): void {
  console.log(`\n# ${text}`);
}

/** A user with an empty cache. */
class DemoUser extends TemporaryFolder {
  /** Runs larder and prints its output. */
  async larder(...args: string[]): Promise<void> {
    const process = this.#start(args);
    await show(process);
    const { success, code } = await process.status;
    if (!success) throw new Error(`larder ${args[0]} ended with exit code ${code}`);
  }

  /** Runs an app, requests its page and stops it. */
  async visit(...args: string[]): Promise<void> {
    const process = this.#start(["run", "--listen", "127.0.0.1:0", ...args]);
    try {
      let isVisited = false;
      await show(process, async (said) => {
        const url = /Serving .* at (http:\S+)\n[^]*→.*\n/.exec(said)?.[1];
        if (!url || isVisited) return;
        isVisited = true;
        console.log(`$ curl ${url}/`);
        Deno.stdout.writeSync(await (await fetch(`${url}/`)).bytes());
        console.log("$ ^C");
        process.kill("SIGTERM");
      });
      if (!isVisited) throw new Error("the app was not served");
    } finally {
      await end(process);
    }
  }

  #start(args: readonly string[]): Deno.ChildProcess {
    console.log(`$ larder ${args.join(" ")}`);
    return new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--quiet",
        "--allow-all",
        MAIN,
        "--cache-dir",
        this.path,
        ...args,
      ],
      clearEnv: true,
      env: childEnvironment({ HOME: this.path }),
      stdin: "null",
      stdout: "inherit",
      stderr: "piped",
    }).spawn();
  }
}

/** Downloads the packages of larder, so that the runs below download none. */
async function downloadPackages(): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", MAIN],
    clearEnv: true,
    env: childEnvironment({}, { downloads: true }),
    stdin: "null",
  }).spawn().status;
  if (!success) throw new Error("the packages of larder could not be downloaded");
}

/** Prints the stderr of a process, and calls `onText` with all of it so far. */
async function show(
  process: Deno.ChildProcess,
  onText: (said: string) => Promise<void> = async () => {},
): Promise<void> {
  let said = "";
  for await (const bytes of process.stderr) {
    Deno.stdout.writeSync(bytes);
    said += new TextDecoder().decode(bytes);
    await onText(said);
  }
}

async function end(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has already ended.
  }
  await process.status;
}

await downloadPackages();
await using registry = await TestRegistry.start();
using user = new DemoUser();
const app = registry.add("demo/hello", await version(1), "latest");
const requests = () => registry.requests().map(({ method, path }) => `${method} ${path}`);

explain(
  "This process runs a registry with a Spin app. The first run fetches and compiles all of it:",
);
await user.visit(app);

explain(
  "Nothing has changed. larder checks the tag with one request and fetches nothing:",
);
registry.clearLog();
await user.visit(app);
console.log(`(the registry saw: ${requests().join(", ")})`);

explain("The tag moves to a new version of the component. larder fetches only what changed:");
registry.add("demo/hello", await version(2), "latest");
await user.visit(app);

explain("The cache, in `larder list -v`:");
await user.larder("list", "-v");

explain("Offline, larder runs the cached copy:");
await user.visit("--offline", app);
