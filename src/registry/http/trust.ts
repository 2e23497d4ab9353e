/** How far to trust a host that is spoken to. */
export interface HostTrust {
  /** Accept plain HTTP and unverified TLS. */
  readonly insecure?: boolean | undefined;
  /** PEM certificates to trust beside the built-in ones; asked for when TLS is first spoken. */
  readonly caCerts?: (() => readonly string[]) | undefined;
}

/** How far to trust hosts: what holds for all, and what more for some. */
export interface Trust extends HostTrust {
  /** By host, with the port where it has one, as {@link URL.host} writes it of an HTTPS address. */
  readonly hosts?: ReadonlyMap<string, HostTrust> | undefined;
}

/** Whether plain HTTP and unverified TLS are accepted from the host of an address. */
export function isInsecure(trust: Trust, url: URL): boolean {
  return (trust.insecure || ownTrust(trust, url)?.insecure) ?? false;
}

/** What is said of the host of an address alone. */
export function ownTrust({ hosts }: Trust, { protocol, host, port }: URL): HostTrust | undefined {
  // An address in plain HTTP leaves the port out that one over HTTPS has to name.
  const other = protocol === "http:" && port === "" ? hosts?.get(`${host}:80`) : undefined;
  return hosts?.get(host) ?? other;
}
