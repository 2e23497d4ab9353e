import { posix, win32 } from "node:path";
import { LarderError } from "../base/errors.ts";
import { encodingError } from "../base/files/system_error.ts";

/** The system and environment that decide the folders; tests inject others than their own. */
export interface HostPlatform {
  readonly os: typeof Deno.build.os;
  readonly env: (name: string) => string | undefined;
}

/** A folder, and the rule that decided it as `larder dir` prints it. */
export interface ResolvedDir {
  readonly path: string;
  readonly rule: string;
}

export const hostPlatform: HostPlatform = {
  os: Deno.build.os,
  env(name) {
    try {
      return Deno.env.get(name);
    } catch (error) {
      throw encodingError(error, name) ?? error;
    }
  },
};

/** Name of the folder in the cache folder that holds everything larder downloads; the same name as Spin's. */
export const REGISTRY_FOLDER = "registry";

const APP_FOLDER = "larder";

/**
 * Returns the cache folder: the first that is set of the option, `LARDER_CACHE_DIR` and `cache_dir` in the config file,
 * otherwise `larder` in the cache folder of the platform.
 *
 * @throws LarderError LDR_CONFIG if the environment names no home folder
 */
export function cacheRoot(
  platform: HostPlatform,
  chosen: { option?: string | undefined; config?: string | undefined; workingFolder?: string } = {},
): ResolvedDir {
  const paths = pathsOf(platform);
  const absolute = (written: string) => {
    const path = expandHome(platform, written);
    return paths.isAbsolute(path)
      ? paths.normalize(path)
      : paths.join(chosen.workingFolder ?? Deno.cwd(), path);
  };
  if (chosen.option) return { path: absolute(chosen.option), rule: "--cache-dir" };
  const variable = platform.env("LARDER_CACHE_DIR");
  if (variable) return { path: absolute(variable), rule: "LARDER_CACHE_DIR" };
  if (chosen.config) return { path: absolute(chosen.config), rule: "cache_dir in the config file" };
  return inside(platform, platformCache(platform), APP_FOLDER);
}

/**
 * Returns the config folder of larder, which holds `config.yaml` and `auth.json`.
 * @throws LarderError LDR_CONFIG if the environment names no home folder
 */
export function configRoot(platform: HostPlatform): ResolvedDir {
  return inside(platform, userConfig(platform), APP_FOLDER);
}

/**
 * Returns the data folder of larder, which holds what guests store. Nothing in it can be fetched again.
 * @throws LarderError LDR_CONFIG if the environment names no home folder
 */
export function dataRoot(platform: HostPlatform): ResolvedDir {
  return inside(platform, platformData(platform), APP_FOLDER);
}

/**
 * Returns the folder in which all programs of the user keep their config, including Spin and wasm-pkg.
 * @throws LarderError LDR_CONFIG if the environment names no home folder
 */
export function userConfig(platform: HostPlatform): ResolvedDir {
  switch (platform.os) {
    case "windows":
      return windowsFolder(platform, "APPDATA", "Roaming", "FOLDERID_RoamingAppData");
    case "darwin":
      return inside(
        platform,
        { path: home(platform), rule: "HOME" },
        "Library",
        "Application Support",
      );
    default:
      return xdgFolder(platform, "XDG_CONFIG_HOME", ".config");
  }
}

/**
 * Returns the home folder: `USERPROFILE` on Windows, `HOME` elsewhere.
 * @throws LarderError LDR_CONFIG if that is not set to an absolute path
 */
export function home(platform: HostPlatform): string {
  const variable = platform.os === "windows" ? "USERPROFILE" : "HOME";
  const path = platform.env(variable);
  if (path && pathsOf(platform).isAbsolute(path)) return path;
  throw new LarderError(
    "LDR_CONFIG",
    path
      ? `${variable} is "${path}", which is not an absolute path`
      : `${variable} is not set, so there is no home folder for the cache and the config`,
    { hint: `set ${variable}, or name the cache folder with --cache-dir or LARDER_CACHE_DIR` },
  );
}

/**
 * Returns a path with the home folder in place of a `~/` at its beginning: shells replace it only at the beginning of a
 * word, so that a config file, a service or `--cache-dir=~/cache` would make a folder called `~`.
 *
 * @throws LarderError LDR_CONFIG as {@link home}
 */
export function expandHome(platform: HostPlatform, path: string): string {
  const isInHome = path.startsWith("~/") || (platform.os === "windows" && path.startsWith("~\\"));
  return isInHome ? pathsOf(platform).join(home(platform), path.slice(2)) : path;
}

function platformCache(platform: HostPlatform): ResolvedDir {
  switch (platform.os) {
    case "windows":
      return windowsFolder(platform, "LOCALAPPDATA", "Local", "FOLDERID_LocalAppData");
    case "darwin":
      return inside(platform, { path: home(platform), rule: "HOME" }, "Library", "Caches");
    default:
      return xdgFolder(platform, "XDG_CACHE_HOME", ".cache");
  }
}

function platformData(platform: HostPlatform): ResolvedDir {
  switch (platform.os) {
    case "windows":
      return windowsFolder(platform, "LOCALAPPDATA", "Local", "FOLDERID_LocalAppData");
    case "darwin":
      return userConfig(platform);
    default:
      return xdgFolder(platform, "XDG_DATA_HOME", ".local/share");
  }
}

/** Source: XDG Base Directory Specification, which says to ignore relative paths. */
function xdgFolder(platform: HostPlatform, variable: string, fallback: string): ResolvedDir {
  const path = platform.env(variable);
  if (path && posix.isAbsolute(path)) return { path: posix.normalize(path), rule: variable };
  const reason = path ? `HOME (${variable} is not an absolute path and is ignored)` : "HOME";
  return inside(platform, { path: home(platform), rule: reason }, fallback);
}

function windowsFolder(
  platform: HostPlatform,
  variable: string,
  folder: string,
  known: string,
): ResolvedDir {
  const path = platform.env(variable);
  if (path && win32.isAbsolute(path)) {
    return { path: win32.normalize(path), rule: `${variable} (${known})` };
  }
  return inside(platform, { path: home(platform), rule: "USERPROFILE" }, "AppData", folder);
}

function inside(platform: HostPlatform, root: ResolvedDir, ...names: string[]): ResolvedDir {
  return { path: pathsOf(platform).join(root.path, ...names), rule: root.rule };
}

function pathsOf(platform: HostPlatform): typeof posix {
  return platform.os === "windows" ? win32 : posix;
}
