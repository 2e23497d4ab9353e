import { delimiter } from "node:path";
import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { apiBase } from "../../registry/endpoints.ts";
import { readCertificateFolder, readCertificates } from "../../registry/http/tls/ca.ts";
import { readHostCertificates } from "../../registry/http/tls/host_certificates.ts";
import type { HostTrust, Trust } from "../../registry/http/tls/trust.ts";
import { hostPlatform } from "../../store/platform_dirs.ts";
import type { Context } from "../context.ts";
import { VERSION } from "../version.ts";
import { certificateFolders } from "./certificate_folders.ts";

/** Registries' logs and rate limits tell clients apart by it (RFC 9110 §10.1.5). */
export const USER_AGENT = `larder/${VERSION} (${Deno.build.os}; ${Deno.build.arch})`;

/**
 * Returns which certificates are trusted: `--insecure`, `--ca-file`, `SSL_CERT_FILE` and `SSL_CERT_DIR` apply to every
 * host, and `registries` in the config and the folders of Docker and Podman to the hosts that they name.
 *
 * @throws LarderError LDR_CONFIG if `--ca-file` cannot be read; the other files are read when they are needed
 */
export function trustOf(
  { options, config }: Context,
): Trust & { readonly hosts: Map<string, HostTrust> } {
  const named = options.caFile ? readCertificates(options.caFile, "--ca-file") : [];
  const file = Deno.env.get("SSL_CERT_FILE");
  const folders = (Deno.env.get("SSL_CERT_DIR") ?? "").split(delimiter).filter((path) => path);
  const hosts = new Map<string, HostTrust>(
    Object.entries(config.registries ?? {})
      .map(([name, settings]) => [apiBase(name).host, hostTrust(name, settings)]),
  );
  return {
    insecure: options.insecure,
    caCerts: () => [
      ...named,
      ...file ? readCertificates(file, "SSL_CERT_FILE") : [],
      ...folders.flatMap(readCertificateFolder),
    ],
    hosts,
    certificates: certificatesOfHosts(),
  };
}

/** Reads the certificates for a host at its first connection. */
function certificatesOfHosts(): Trust["certificates"] {
  const known = new RecentMap<string, ReturnType<typeof readHostCertificates>>(MAX_NAMED);
  return (url) => {
    if (!known.has(url.host)) {
      known.set(url.host, readHostCertificates(certificateFolders(hostPlatform), url));
    }
    return known.get(url.host);
  };
}

function hostTrust(
  name: string,
  { insecure, ca_file }: { insecure?: boolean | undefined; ca_file?: string | undefined },
): HostTrust {
  return {
    insecure,
    caCerts: ca_file === undefined
      ? undefined
      : () => readCertificates(ca_file, `registries.${name}.ca_file`),
  };
}
