import { home, type HostPlatform } from "../../store/platform_dirs.ts";
import { inHome, join, podmanConfig } from "./credential_paths.ts";

/**
 * Returns the folders that have a folder of certificates for each registry, those of the user first: Podman's, Docker
 * Desktop's, and those of the system.
 *
 * Source: containers-certs.d(5), dockerd, Docker Desktop.
 */
export function certificateFolders(platform: HostPlatform): string[] {
  const system = platform.os === "windows"
    ? []
    : ["/etc/containers/certs.d", "/etc/docker/certs.d"];
  return [
    inHome(() => join(platform, podmanConfig(platform), "containers", "certs.d")),
    inHome(() => join(platform, home(platform), ".docker", "certs.d")),
    ...system,
  ].filter((path) => path !== undefined);
}
