import { systemClock } from "../base/concurrency.ts";
import { readCertificates } from "../registry/ca.ts";
import { RegistryClient } from "../registry/client.ts";
import { httpTransport } from "../registry/http.ts";
import type { Transport } from "../registry/transport.ts";
import type { Context } from "./context.ts";

/** The way to registries that the options and the environment describe. */
export function openRegistry(context: Context): { client: RegistryClient; transport: Transport } {
  const { insecure } = context.options;
  const transport = httpTransport({
    clock: systemClock,
    caCerts: trusted(context),
    insecure,
    onRetry: (message) => context.info(message),
  });
  return { client: new RegistryClient({ transport, authorizer: NONE }), transport };
}

/** The certificates of `--ca-file` and of `SSL_CERT_FILE`, which other tools honour too. */
function trusted(context: Context): string[] {
  const { caFile } = context.options;
  const variable = Deno.env.get("SSL_CERT_FILE");
  return [
    ...caFile ? readCertificates(caFile, "--ca-file") : [],
    ...variable ? readCertificates(variable, "SSL_CERT_FILE") : [],
  ];
}

const NONE = { current: () => undefined, answer: () => Promise.reject(new Error("no auth yet")) };
