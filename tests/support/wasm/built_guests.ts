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
  go: { programs: ["go"], build: buildGo },
  python: { programs: ["python3", "pip3"], build: buildPython },
};

/** Returns why a guest cannot be built on this machine; undefined if it can. */
export function missingToolchain(guest: BuiltGuest): string | undefined {
  const missing = BUILDERS[guest].programs.find((program) => !findProgram(program));
  return missing && `${missing} is not installed`;
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

/** Builds a component of 25 MB with Spin's Python SDK. The result is kept in Deno's cache folder. */
async function buildPython(): Promise<Uint8Array<ArrayBuffer>> {
  const source = join(GUESTS, "python");
  const requirements = join(source, "requirements.txt");
  const folder = await cached("spin-python", [requirements, join(source, "app.py")], async (to) => {
    using work = new TemporaryFolder();
    const packages = join(work.path, "packages");
    const own = Object.entries(Deno.env.toObject()).filter(([name]) => PIP_VARIABLES.test(name));
    const env = childEnvironment(Object.fromEntries(own), { downloads: true });
    const options = ["--quiet", "--no-compile", "--disable-pip-version-check"];
    const install = ["install", ...options, "--target", packages, "--requirement", requirements];
    await run("pip3", install, { env });
    const tool = "import componentize_py; componentize_py.script()";
    const world = ["--world", "spin:up/http-trigger@4.1.0"];
    const componentize = ["componentize", "-p", source, "-p", packages, "app"];
    const args = ["-c", tool, ...world, ...componentize, "--output", join(to, "app.wasm")];
    await run("python3", args, { env: { ...env, PYTHONPATH: packages } });
  });
  return Deno.readFileSync(join(folder, "app.wasm"));
}
