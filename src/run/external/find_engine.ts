import { posix, win32 } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { runProgram } from "../../base/programs.ts";
import type { HostPlatform } from "../../store/platform_dirs.ts";

/** Milliseconds for an engine to print its version; it is listed without one afterwards. */
const ENGINE_TIMEOUT = 10_000;

/** Programs that larder can run artifacts with instead of the embedded engine. */
export const EXTERNAL_ENGINES = ["spin", "wasmtime"] as const;

export type EngineName = typeof EXTERNAL_ENGINES[number];

export interface ExternalEngine {
  readonly name: EngineName;
  /** Absolute path. */
  readonly path: string;
}

export interface ListedEngine extends ExternalEngine {
  /** Undefined if it does not print one. */
  readonly version: string | undefined;
}

/** Returns true if a path is a program; injected by tests. */
export type ProgramCheck = (path: string) => boolean;

const INSTALL_HINTS: Readonly<Record<EngineName, string>> = {
  spin: "install Spin (https://spinframework.dev/install), or add its folder to PATH",
  wasmtime: "install Wasmtime (https://wasmtime.dev), or add its folder to PATH",
};

/** Extensions of programs on Windows that a process can be started from; the default if PATHEXT has none of them. */
const WINDOWS_EXTENSIONS = [".exe", ".cmd", ".bat"];

/** The version in output such as `spin 3.1.2 (abc 2025-01-01)`. */
const VERSION = /\b\d+\.\d+[\w.+-]*/;

/**
 * Finds the installed program of an engine.
 * @throws LarderError LDR_ENGINE if it is not installed
 */
export function findEngine(name: EngineName, platform: HostPlatform): ExternalEngine {
  const path = findProgram(name, platform);
  if (path) return { name, path };
  throw new LarderError(
    "LDR_ENGINE",
    `the engine ${name} is not installed: PATH has no such program`,
    { hint: INSTALL_HINTS[name] },
  );
}

/** Returns the installed engines with their versions. */
export async function listEngines(platform: HostPlatform): Promise<ListedEngine[]> {
  const installed = EXTERNAL_ENGINES.flatMap((name): ExternalEngine[] => {
    const path = findProgram(name, platform);
    return path ? [{ name, path }] : [];
  });
  return await Promise.all(
    installed.map(async (engine) => ({ ...engine, version: await versionOf(engine.path) })),
  );
}

/**
 * Finds a program in PATH; undefined if there is none. Relative folders are skipped, so that no program is run from
 * the current folder by its name.
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

/** Returns extensions in the order of PATHEXT, as Windows itself searches. */
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
    return false; // The folder is missing or not accessible.
  }
}

async function versionOf(path: string): Promise<string | undefined> {
  const options = { stderr: "null", timeout: ENGINE_TIMEOUT, limit: 1024 } as const;
  try {
    const answer = await runProgram(path, { args: ["--version"], ...options });
    return answer.ended && answer.success ? VERSION.exec(answer.stdout)?.[0] : undefined;
  } catch {
    return undefined; // The reason is reported when it is run.
  }
}
