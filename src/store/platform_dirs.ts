import { posix, win32 } from "node:path";
import { LarderError } from "../base/errors.ts";

/** Which machine the folders are asked for; tests name another than their own. */
export interface Machine {
  readonly os: typeof Deno.build.os;
  readonly env: (name: string) => string | undefined;
}

/** A folder and the rule that decided it, in words that `larder dir` prints. */
export interface Root {
  readonly path: string;
  readonly rule: string;
}

export const thisMachine: Machine = { os: Deno.build.os, env: (name) => Deno.env.get(name) };

/** The folder of everything that larder downloads lies in this folder of the cache folder, as with Spin. */
export const REGISTRY_FOLDER = "registry";

const APP_FOLDER = "larder";

/**
 * The cache folder: the option, `LARDER_CACHE_DIR`, the config file's `cache_dir`, or the platform's own
 * cache folder plus `larder`. The first that is set wins.
 *
 * @throws LarderError LDR_CONFIG where the environment names no home
 */
export function cacheRoot(
  machine: Machine,
  chosen: { option?: string | undefined; config?: string | undefined; workingFolder?: string } = {},
): Root {
  const paths = pathsOf(machine);
  const absolute = (path: string) =>
    paths.isAbsolute(path)
      ? paths.normalize(path)
      : paths.join(chosen.workingFolder ?? Deno.cwd(), path);
  if (chosen.option) return { path: absolute(chosen.option), rule: "--cache-dir" };
  const variable = machine.env("LARDER_CACHE_DIR");
  if (variable) return { path: absolute(variable), rule: "LARDER_CACHE_DIR" };
  if (chosen.config) return { path: absolute(chosen.config), rule: "cache_dir in the config file" };
  return inside(machine, platformCache(machine), APP_FOLDER);
}

/**
 * larder's config folder, which holds `config.yaml` and `auth.json`.
 * @throws LarderError LDR_CONFIG where the environment names no home
 */
export function configRoot(machine: Machine): Root {
  return inside(machine, userConfig(machine), APP_FOLDER);
}

/**
 * The folder in which every program of the user keeps its config: Spin's and wasm-pkg's lie there too.
 * @throws LarderError LDR_CONFIG where the environment names no home
 */
export function userConfig(machine: Machine): Root {
  switch (machine.os) {
    case "windows":
      return windowsFolder(machine, "APPDATA", "Roaming", "FOLDERID_RoamingAppData");
    case "darwin":
      return inside(
        machine,
        { path: home(machine), rule: "HOME" },
        "Library",
        "Application Support",
      );
    default:
      return xdgFolder(machine, "XDG_CONFIG_HOME", ".config");
  }
}

/** The user's home folder: `USERPROFILE` on Windows, `HOME` elsewhere. */
export function home(machine: Machine): string {
  const variable = machine.os === "windows" ? "USERPROFILE" : "HOME";
  const path = machine.env(variable);
  if (path && pathsOf(machine).isAbsolute(path)) return path;
  throw new LarderError(
    "LDR_CONFIG",
    path
      ? `${variable} is "${path}", which is not an absolute path`
      : `${variable} is not set, so there is no home folder to keep the cache or the config in`,
    { hint: `set ${variable}, or name the cache folder with --cache-dir or LARDER_CACHE_DIR` },
  );
}

function platformCache(machine: Machine): Root {
  switch (machine.os) {
    case "windows":
      return windowsFolder(machine, "LOCALAPPDATA", "Local", "FOLDERID_LocalAppData");
    case "darwin":
      return inside(machine, { path: home(machine), rule: "HOME" }, "Library", "Caches");
    default:
      return xdgFolder(machine, "XDG_CACHE_HOME", ".cache");
  }
}

/** Source: XDG Base Directory Specification, which has relative paths ignored. */
function xdgFolder(machine: Machine, variable: string, fallback: string): Root {
  const path = machine.env(variable);
  if (path && posix.isAbsolute(path)) return { path: posix.normalize(path), rule: variable };
  const reason = path ? `HOME (${variable} is not an absolute path and is ignored)` : "HOME";
  return inside(machine, { path: home(machine), rule: reason }, fallback);
}

function windowsFolder(machine: Machine, variable: string, folder: string, known: string): Root {
  const path = machine.env(variable);
  if (path && win32.isAbsolute(path)) {
    return { path: win32.normalize(path), rule: `${variable} (${known})` };
  }
  return inside(machine, { path: home(machine), rule: "USERPROFILE" }, "AppData", folder);
}

function inside(machine: Machine, root: Root, ...names: string[]): Root {
  return { path: pathsOf(machine).join(root.path, ...names), rule: root.rule };
}

function pathsOf(machine: Machine): typeof posix {
  return machine.os === "windows" ? win32 : posix;
}
