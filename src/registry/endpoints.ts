import type { Digest } from "../oci/digest.ts";

/** Returns the base URL of a registry's API (distribution-spec, "Endpoints"); Docker Hub's has another host name. */
export function apiBase(registry: string): URL {
  return new URL(`https://${registry === "docker.io" ? "registry-1.docker.io" : registry}/v2/`);
}

export function manifestUrl(registry: string, repository: string, target: string): URL {
  return new URL(`${repository}/manifests/${target}`, apiBase(registry));
}

export function blobUrl(registry: string, repository: string, digest: Digest): URL {
  return new URL(`${repository}/blobs/${digest}`, apiBase(registry));
}

/** @param path below the repository, with its query */
export function repositoryUrl(registry: string, repository: string, path: string): URL {
  return new URL(`${repository}/${path}`, apiBase(registry));
}

/** True if a host is this machine itself, so that requests to it cross no network. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (host === "localhost" || host.endsWith(".localhost") || host === "::1") return true;
  return /^127(?:\.\d{1,3}){3}$/.test(host);
}
