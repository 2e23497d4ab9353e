import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { delimiter } from "node:path";
import { systemClock } from "../../base/concurrency.ts";
import type { Reference } from "../../oci/reference.ts";
import { LazyAuthorizer } from "../../registry/auth/lazy_authorizer.ts";
import { RegistryClient } from "../../registry/client.ts";
import type { CredentialSource } from "../../registry/credentials/credential.ts";
import { apiBase, type Place } from "../../registry/endpoints.ts";
import { readCertificateFolder, readCertificates } from "../../registry/http/tls/ca.ts";
import { readHostCertificates } from "../../registry/http/tls/host_certificates.ts";
import type { Transport } from "../../registry/http/transport.ts";
import { type HttpOptions, httpTransport } from "../../registry/http/transport_stack.ts";
import type { HostTrust, Trust } from "../../registry/http/tls/trust.ts";
import { hostPlatform } from "../../store/platform_dirs.ts";
import type { Context } from "../context.ts";
import { certificateFolders } from "./certificate_folders.ts";
import { credentialPaths } from "./credential_paths.ts";
import { VERSION } from "../version.ts";

/** Registries' logs and rate limits tell clients apart by it (RFC 9110 §10.1.5). */
const USER_AGENT = `larder/${VERSION} (${Deno.build.os}; ${Deno.build.arch})`;

/** What a server asks differently. */
export interface ServerLimits
  extends Pick<HttpOptions, "headers" | "longestWait" | "downTime" | "checkAddress"> {
  /** True for the server itself, which is no mirror of its own. */
  readonly isItself?: (place: Place) => boolean;
}

/**
 * Returns a client and a transport that follow the options, the environment and the config.
 * @param credentials by default those in the user's files
 */
export function openRegistry(
  context: Context,
  credentials?: CredentialSource,
  { headers, isItself = () => false, ...limits }: ServerLimits = {},
): { client: RegistryClient; transport: Transport } {
  const trust = trustOf(context);
  const transport = httpTransport({
    ...trust,
    clock: systemClock,
    headers: { "user-agent": USER_AGENT, ...headers },
    onRetry: (message) => context.info(message),
    ...limits,
  });
  const authorizer = new LazyAuthorizer(async () => {
    const [{ Authenticator }, source] = await Promise.all([
      import("../../registry/auth/authenticator.ts"),
      credentials ?? userCredentials(),
    ]);
    return new Authenticator({ ...trust, transport, credentials: source, clock: systemClock });
  });
  const mirrors = {
    route: async (reference: Reference) => {
      const { findRoute } = await import("./routes.ts");
      const route = await findRoute(context, trust.hosts, reference);
      return { ...route, mirrors: route.mirrors.filter((mirror) => !isItself(mirror)) };
    },
    warn: (message: string) => context.warn(message),
    note: (message: string) => {
      if (context.options.verbose) context.info(message);
    },
  };
  const client = new RegistryClient({ transport, authorizer, clock: systemClock, mirrors });
  return { client, transport };
}

async function userCredentials(): Promise<CredentialSource> {
  const { FileCredentials } = await import("../../registry/credentials/file_credentials.ts");
  return new FileCredentials(credentialPaths(hostPlatform), systemClock);
}

/**
 * Returns which certificates are trusted: `--insecure`, `--ca-file`, `SSL_CERT_FILE` and `SSL_CERT_DIR` apply to every
 * host, and `registries` in the config and the folders of Docker and Podman to the hosts that they name.
 *
 * @throws LarderError LDR_CONFIG if `--ca-file` cannot be read; the other files are read when they are needed
 */
function trustOf(
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
