import { posix, win32 } from "node:path";
import { LarderError } from "../base/errors.ts";

/** Which machine the folders are asked for; tests name another than their own. */
export interface HostPlatform {
  readonly os: typeof Deno.build.os;
  readonly env: (name: string) => string | undefined;
}

/** A folder and the rule that decided it, in words that `larder dir` prints. */
export interface ResolvedDir {
  readonly path: string;
  readonly rule: string;
}

export const hostPlatform: HostPlatform = { os: Deno.build.os, env: (name) => Deno.env.get(name) };

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
  platform: HostPlatform,
  chosen: { option?: string | undefined; config?: string | undefined; workingFolder?: string } = {},
): ResolvedDir {
  const paths = pathsOf(platform);
  const absolute = (path: string) =>
    paths.isAbsolute(path)
      ? paths.normalize(path)
      : paths.join(chosen.workingFolder ?? Deno.cwd(), path);
  if (chosen.option) return { path: absolute(chosen.option), rule: "--cache-dir" };
  const variable = platform.env("LARDER_CACHE_DIR");
  if (variable) return { path: absolute(variable), rule: "LARDER_CACHE_DIR" };
  if (chosen.config) return { path: absolute(chosen.config), rule: "cache_dir in the config file" };
  return inside(platform, platformCache(platform), APP_FOLDER);
}

/**
 * larder's config folder, which holds `config.yaml` and `auth.json`.
 * @throws LarderError LDR_CONFIG where the environment names no home
 */
export function configRoot(platform: HostPlatform): ResolvedDir {
  return inside(platform, userConfig(platform), APP_FOLDER);
}

/**
 * The folder in which every program of the user keeps its config: Spin's and wasm-pkg's lie there too.
 * @throws LarderError LDR_CONFIG where the environment names no home
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

/** The user's home folder: `USERPROFILE` on Windows, `HOME` elsewhere. */
export function home(platform: HostPlatform): string {
  const variable = platform.os === "windows" ? "USERPROFILE" : "HOME";
  const path = platform.env(variable);
  if (path && pathsOf(platform).isAbsolute(path)) return path;
  throw new LarderError(
    "LDR_CONFIG",
    path
      ? `${variable} is "${path}", which is not an absolute path`
      : `${variable} is not set, so there is no home folder to keep the cache or the config in`,
    { hint: `set ${variable}, or name the cache folder with --cache-dir or LARDER_CACHE_DIR` },
  );
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

/** Source: XDG Base Directory Specification, which has relative paths ignored. */
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
