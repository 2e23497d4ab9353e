import type { HostCertificates } from "./host_certificates.ts";

/** Trust in a host. */
export interface HostTrust {
  /** Accepts plain HTTP and unverified TLS. */
  readonly insecure?: boolean | undefined;
  /** Returns PEM certificates to trust beside the built-in ones; called for the first TLS connection. */
  readonly caCerts?: (() => readonly string[]) | undefined;
}

/** Trust in all hosts, and more of it in some. */
export interface Trust extends HostTrust {
  /** Keyed by the `host` of an HTTPS {@link URL}, which has a port unless it is 443. */
  readonly hosts?: ReadonlyMap<string, HostTrust> | undefined;
  /** Returns the certificates of the system for a host; called for every request with TLS. */
  readonly certificates?: ((url: URL) => HostCertificates | undefined) | undefined;
}

/** True if plain HTTP and unverified TLS are accepted for the host of a URL. */
export function isInsecure(trust: Trust, url: URL): boolean {
  return (trust.insecure || ownTrust(trust, url)?.insecure) ?? false;
}

/** Returns the settings of the host of a URL, without those for all hosts. */
export function ownTrust({ hosts }: Trust, { protocol, host, port }: URL): HostTrust | undefined {
  // Port 80 is the default for plain HTTP, but part of the key.
  const onPort80 = protocol === "http:" && port === "" ? hosts?.get(`${host}:80`) : undefined;
  return hosts?.get(host) ?? onPort80;
}
