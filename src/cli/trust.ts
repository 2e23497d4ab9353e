import { readCertificates } from "../registry/ca.ts";
import { apiBase } from "../registry/endpoints.ts";
import type { HostTrust, Trust } from "../registry/trust.ts";
import type { Context } from "./context.ts";

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
