import { withoutBrackets } from "../base/url_host.ts";
import type { Digest } from "../oci/digest.ts";

/** Where a repository is: the one that a reference names, or a mirror of it. */
export interface Place {
  /** Host and optional port. */
  readonly registry: string;
  readonly repository: string;
  /** True if the user wrote `http://`; otherwise the transport chooses the scheme. */
  readonly isPlainHttp?: boolean | undefined;
  /** True if the config of a server names the registry, whose address may therefore be private. */
  readonly isListed?: boolean | undefined;
}

/** Returns the base URL of a registry's API (distribution-spec, "Endpoints"); Docker Hub's has another host name. */
export function apiBase(registry: string): URL {
  return new URL(`https://${registry === "docker.io" ? "registry-1.docker.io" : registry}/v2/`);
}

export function manifestUrl(place: Place, target: string): URL {
  return repositoryUrl(place, `manifests/${target}`);
}

export function blobUrl(place: Place, digest: Digest): URL {
  return repositoryUrl(place, `blobs/${digest}`);
}

/** @param path below the repository, with its query */
export function repositoryUrl({ registry, repository, isPlainHttp }: Place, path: string): URL {
  const { host } = apiBase(registry);
  // Not resolved against a base: a mirror's repository can begin with a host and a port, which looks like a scheme.
  return new URL(`${isPlainHttp ? "http" : "https"}://${host}/v2/${repository}/${path}`);
}

/** True if a host is this machine itself, so that requests to it cross no network. */
export function isLoopback(hostname: string): boolean {
  const host = withoutBrackets(hostname).toLowerCase();
  if (host === "localhost" || host.endsWith(".localhost") || host === "::1") return true;
  return /^127(?:\.\d{1,3}){3}$/.test(host);
}
