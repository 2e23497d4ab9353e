import { posix, win32 } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { runProgram } from "../../base/programs.ts";
import type { HostPlatform } from "../../store/platform_dirs.ts";

/** An engine's program that does not tell its version for so long is listed without one. */
const ENGINE_TIMEOUT = 10_000;

/** The programs that can run what the embedded engine cannot. */
export const EXTERNAL_ENGINES = ["spin", "wasmtime"] as const;

export type EngineName = typeof EXTERNAL_ENGINES[number];

export interface ExternalEngine {
  readonly name: EngineName;
  /** Absolute. */
  readonly path: string;
}

export interface ListedEngine extends ExternalEngine {
  /** Undefined where it does not tell. */
  readonly version: string | undefined;
}

/** Tells whether a path is a program; injected by tests. */
export type ProgramCheck = (path: string) => boolean;

const WHERE: Readonly<Record<EngineName, string>> = {
  spin: "install Spin (https://spinframework.dev/install), or add its folder to PATH",
  wasmtime: "install Wasmtime (https://wasmtime.dev), or add its folder to PATH",
};

/** What Windows takes for a program where PATHEXT does not say, and only what a process can be started from. */
const WINDOWS_EXTENSIONS = [".exe", ".cmd", ".bat"];

/** How programs tell their versions: `spin 3.1.2 (abc 2025-01-01)`. */
const VERSION = /\b\d+\.\d+[\w.+-]*/;

/**
 * The engine of this name, as an installed program.
 * @throws LarderError LDR_ENGINE if there is none
 */
export function findEngine(name: EngineName, platform: HostPlatform): ExternalEngine {
  const path = findProgram(name, platform);
  if (path) return { name, path };
  throw new LarderError(
    "LDR_ENGINE",
    `the engine ${name} is not installed: PATH has no such program`,
    {
      hint: WHERE[name],
    },
  );
}

/** The engines that are installed, and what they say of their versions. */
export async function listEngines(platform: HostPlatform): Promise<ListedEngine[]> {
  const installed = EXTERNAL_ENGINES.filter((name) => findProgram(name, platform))
    .map((name) => findEngine(name, platform));
  return await Promise.all(
    installed.map(async (engine) => ({ ...engine, version: await versionOf(engine.path) })),
  );
}

/**
 * Where the search path has a program, or undefined. Folders that are not absolute are passed over: what the
 * current folder holds is not to be run by its name.
 */
export function findProgram(
  name: string,
  platform: HostPlatform,
  isProgram: ProgramCheck = isExecutable,
): string | undefined {
  const paths = platform.os === "windows" ? win32 : posix;
  const folders = (platform.env("PATH") ?? "").split(paths.delimiter)
    .filter((folder) => paths.isAbsolute(folder));
  const extensions = platform.os === "windows" ? windowsExtensions(platform) : [""];
  return folders.flatMap((folder) => extensions.map((each) => paths.join(folder, name + each)))
    .find(isProgram);
}

/** In the order of PATHEXT, which is that of Windows' own search. */
function windowsExtensions(platform: HostPlatform): string[] {
  const listed = (platform.env("PATHEXT") ?? "").toLowerCase().split(";")
    .filter((extension) => WINDOWS_EXTENSIONS.includes(extension));
  return listed.length > 0 ? listed : WINDOWS_EXTENSIONS;
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false; // A folder of the search path that is not there, or not open to us.
  }
}

async function versionOf(path: string): Promise<string | undefined> {
  const options = { stderr: "null", timeout: ENGINE_TIMEOUT, limit: 1024 } as const;
  try {
    const answer = await runProgram(path, { args: ["--version"], ...options });
    return answer.ended && answer.success ? VERSION.exec(answer.stdout)?.[0] : undefined;
  } catch {
    return undefined; // What it is wrong with shows when it is to run something.
  }
}
