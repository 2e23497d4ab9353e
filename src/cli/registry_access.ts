import { systemClock } from "../base/concurrency.ts";
import { RegistryClient } from "../registry/client.ts";
import type { CredentialSource } from "../registry/credentials/credential.ts";
import { httpTransport } from "../registry/http/transport_stack.ts";
import { LazyAuthorizer } from "../registry/auth/lazy_authorizer.ts";
import type { Transport } from "../registry/http/transport.ts";
import { hostPlatform } from "../store/platform_dirs.ts";
import type { Context } from "./context.ts";
import { credentialPaths } from "./credential_paths.ts";
import { readCertificates } from "../registry/http/ca.ts";
import { apiBase } from "../registry/endpoints.ts";
import type { HostTrust, Trust } from "../registry/http/trust.ts";

/**
 * The way to registries that the options, the environment and the config describe.
 * @param credentials what to show them; by default what the user's files have
 */
export function openRegistry(
  context: Context,
  credentials?: CredentialSource,
): { client: RegistryClient; transport: Transport } {
  const trust = trustOf(context);
  const transport = httpTransport({
    ...trust,
    clock: systemClock,
    onRetry: (message) => context.info(message),
  });
  const authorizer = new LazyAuthorizer(async () => {
    const [{ Authenticator }, source] = await Promise.all([
      import("../registry/auth/authenticator.ts"),
      credentials ?? userCredentials(),
    ]);
    return new Authenticator({ ...trust, transport, credentials: source, clock: systemClock });
  });
  return { client: new RegistryClient({ transport, authorizer, clock: systemClock }), transport };
}

async function userCredentials(): Promise<CredentialSource> {
  const { FileCredentials } = await import("../registry/credentials/file_credentials.ts");
  return new FileCredentials(credentialPaths(hostPlatform), systemClock);
}

/**
 * Whom the user trusts: `--insecure` and `--ca-file` hold for all hosts, `SSL_CERT_FILE` too, as other tools honour
 * it, and `registries` in the config for the hosts that it names.
 *
 * @throws LarderError LDR_CONFIG for a `--ca-file` that is not one; the other files are read when they are needed
 */
export function trustOf({ options, config }: Context): Trust {
  const named = options.caFile ? readCertificates(options.caFile, "--ca-file") : [];
  const variable = Deno.env.get("SSL_CERT_FILE");
  const hosts = new Map(
    Object.entries(config.registries ?? {})
      .map(([name, settings]) => [apiBase(name).host, hostTrust(name, settings)]),
  );
  return {
    insecure: options.insecure,
    caCerts: () => [...named, ...variable ? readCertificates(variable, "SSL_CERT_FILE") : []],
    hosts,
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
