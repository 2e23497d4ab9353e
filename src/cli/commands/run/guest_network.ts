import { proxyVariables } from "../../../registry/http/proxy.ts";
import type { NetworkSettings } from "../../../run/wasi/http/wire.ts";
import type { Context } from "../../context.ts";
import { trustOf } from "../../registry/trust.ts";

/**
 * Returns how guests' HTTP requests are sent: with the certificates that `--ca-file`, `SSL_CERT_FILE`, `SSL_CERT_DIR`
 * and `--insecure` say, and through the proxy of the environment.
 *
 * @throws LarderError LDR_CONFIG if a certificate file cannot be read
 */
export function guestNetwork(context: Context): NetworkSettings {
  const { caCerts, insecure = false } = trustOf(context);
  return { caCerts: caCerts?.() ?? [], insecure, proxies: proxyVariables(Deno.env) };
}
