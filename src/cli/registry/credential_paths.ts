import { posix, win32 } from "node:path";
import { configRoot, home, type HostPlatform, userConfig } from "../../store/platform_dirs.ts";

/** Returns the path of the file that `larder login` writes. */
export function authFile(platform: HostPlatform): string {
  return join(platform, configRoot(platform).path, "auth.json");
}

/** Returns the path of the file that `spin registry login` writes. Source: spin-oci's auth.rs. */
export function spinAuthFile(platform: HostPlatform): string {
  return join(platform, userConfig(platform).path, "fermyon", "registry-auth.json");
}

/**
 * Returns the files that can hold credentials, in this order: the one that `REGISTRY_AUTH_FILE` names, larder's own,
 * Spin's, Docker's, and Podman's three. Those in the home folder are left out if the environment does not name it.
 *
 * @param uid the user's number, which Podman's folder has if there is no session (root, sudo, cron, containers)
 */
export function credentialPaths(
  platform: HostPlatform,
  uid: () => number | null = Deno.uid,
): string[] {
  const runtime = platform.env("XDG_RUNTIME_DIR");
  return [
    platform.env("REGISTRY_AUTH_FILE"),
    inHome(() => authFile(platform)),
    inHome(() => spinAuthFile(platform)),
    inHome(() => join(platform, dockerFolder(platform), "config.json")),
    runtime && join(platform, runtime, "containers", "auth.json"),
    platform.os === "linux" ? `/run/containers/${uid()}/auth.json` : undefined,
    inHome(() => join(platform, podmanConfig(platform), "containers", "auth.json")),
  ].filter((path): path is string => !!path);
}

/** Source: docker(1). */
function dockerFolder(platform: HostPlatform): string {
  return platform.env("DOCKER_CONFIG") || join(platform, home(platform), ".docker");
}

/** Returns the folder in which Podman keeps its config. Source: containers-auth.json(5): `.config` on every platform. */
export function podmanConfig(platform: HostPlatform): string {
  return platform.os === "windows" || platform.os === "darwin"
    ? join(platform, home(platform), ".config")
    : userConfig(platform).path;
}

/** Returns a path, or undefined if the environment names no home folder. */
export function inHome(path: () => string): string | undefined {
  try {
    return path();
  } catch {
    return undefined;
  }
}

/** Joins the parts of a path as the platform does. */
export function join(platform: HostPlatform, ...parts: string[]): string {
  return (platform.os === "windows" ? win32 : posix).join(...parts);
}
