import { posix, win32 } from "node:path";
import { configRoot, home, type Machine, userConfig } from "../store/platform_dirs.ts";

/** The file that `larder login` writes. */
export function authFile(machine: Machine): string {
  return join(machine, configRoot(machine).path, "auth.json");
}

/**
 * The files to look for credentials in, in this order: larder's own, Spin's, Docker's, Podman's two, and the one
 * that `REGISTRY_AUTH_FILE` names. Those in a home folder that the environment does not tell are left out.
 */
export function credentialPaths(machine: Machine): string[] {
  const runtime = machine.env("XDG_RUNTIME_DIR");
  return [
    inHome(() => authFile(machine)),
    inHome(() => join(machine, userConfig(machine).path, "fermyon", "registry-auth.json")),
    inHome(() => join(machine, dockerFolder(machine), "config.json")),
    runtime && join(machine, runtime, "containers", "auth.json"),
    inHome(() => join(machine, podmanConfig(machine), "containers", "auth.json")),
    machine.env("REGISTRY_AUTH_FILE"),
  ].filter((path): path is string => !!path);
}

/** Source: docker(1). */
function dockerFolder(machine: Machine): string {
  return machine.env("DOCKER_CONFIG") || join(machine, home(machine), ".docker");
}

/** Source: containers-auth.json(5): `.config` on every platform. */
function podmanConfig(machine: Machine): string {
  return machine.os === "windows" || machine.os === "darwin"
    ? join(machine, home(machine), ".config")
    : userConfig(machine).path;
}

function inHome(path: () => string): string | undefined {
  try {
    return path();
  } catch {
    return undefined; // Without a home folder there are no files in it.
  }
}

function join(machine: Machine, ...parts: string[]): string {
  return (machine.os === "windows" ? win32 : posix).join(...parts);
}
