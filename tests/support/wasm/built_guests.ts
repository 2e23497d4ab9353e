import { join } from "node:path";
import { findProgram, run } from "../cli/commands.ts";
import { childEnvironment } from "../cli/environment.ts";
import { TemporaryFolder } from "../temporary.ts";
import { describedModule } from "./components.ts";
import { cached } from "./npm_tools.ts";

/** The guests that toolchains build which not every machine has; their sources are in `guests/`. */
export type BuiltGuest = keyof typeof BUILDERS;

const GUESTS = join(import.meta.dirname!, "guests");

/** The Python packages come from the machine's mirror, if it has one. */
const PIP_VARIABLES = /^(PIP_.*|REQUESTS_CA_BUNDLE)$/;

const BUILDERS = {
  go: { programs: ["go"], packages: undefined, build: buildGo },
  python: { programs: ["python3", "pip3"], packages: pythonPackages, build: buildPython },
};

/** Returns why a guest cannot be built on this machine; undefined if it can. */
export async function missingToolchain(guest: BuiltGuest): Promise<string | undefined> {
  const { programs, packages } = BUILDERS[guest];
  const missing = programs.find((program) => !findProgram(program));
  if (missing) return `${missing} is not installed`;
  try {
    await packages?.();
  } catch (error) {
    return String(error).trim().split("\n").at(-1);
  }
}

/** Returns a guest as its toolchain leaves it: a component, or a core module that describes its interfaces. */
export function builtGuest(guest: BuiltGuest): Promise<Uint8Array<ArrayBuffer>> {
  return BUILDERS[guest].build();
}

/** Builds a core module without a `_start` function with Go itself, of which about 10 s are for Go's own packages. */
async function buildGo(): Promise<Uint8Array<ArrayBuffer>> {
  using folder = new TemporaryFolder();
  const output = join(folder.path, "handler.wasm");
  const env = { GOOS: "wasip1", GOARCH: "wasm", GOTOOLCHAIN: "local", GOPROXY: "off", GOFLAGS: "" };
  const flags = ["-buildmode=c-shared", "-ldflags=-s -w -checklinkname=0", "-buildvcs=false"];
  const args = ["build", "-C", join(GUESTS, "go"), ...flags, "-o", output, "."];
  await run("go", args, { env: childEnvironment(env) });
  const world = `import wasi:http/types@0.2.3;
    import wasi:io/streams@0.2.3;
    export wasi:http/incoming-handler@0.2.3;`;
  return await describedModule(Deno.readFileSync(output), world);
}

/** Returns the folder of Spin's Python SDK, which is installed into Deno's cache folder. */
async function pythonPackages(): Promise<string> {
  const requirements = join(GUESTS, "python/requirements.txt");
  return await cached("python-packages", [requirements], async (folder) => {
    const options = ["--quiet", "--no-compile", "--disable-pip-version-check"];
    const args = ["install", ...options, "--target", folder, "--requirement", requirements];
    const own = Object.entries(Deno.env.toObject()).filter(([name]) => PIP_VARIABLES.test(name));
    const env = childEnvironment(Object.fromEntries(own), { downloads: true });
    await run("pip3", args, { env });
  });
}

/** Builds a component of 25 MB with Spin's Python SDK. The result is kept in Deno's cache folder. */
async function buildPython(): Promise<Uint8Array<ArrayBuffer>> {
  const source = join(GUESTS, "python");
  const inputs = ["requirements.txt", "app.py"].map((name) => join(source, name));
  const folder = await cached("spin-python", inputs, async (to) => {
    const packages = await pythonPackages();
    const tool = "import componentize_py; componentize_py.script()";
    const world = ["--world", "spin:up/http-trigger@4.1.0"];
    const componentize = ["componentize", "-p", source, "-p", packages, "app"];
    const args = ["-c", tool, ...world, ...componentize, "--output", join(to, "app.wasm")];
    await run("python3", args, { env: childEnvironment({ PYTHONPATH: packages }) });
  });
  return Deno.readFileSync(join(folder, "app.wasm"));
}
