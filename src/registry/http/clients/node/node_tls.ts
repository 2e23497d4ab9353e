import { Agent } from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";

/** Milliseconds after which a connection without a request is closed, as in Node's own agents. */
const IDLE_TIMEOUT = 5000;

/** Options of a TLS connection. */
export interface NodeTls {
  readonly ca: string[];
  readonly rejectUnauthorized?: boolean;
  readonly secureContext?: SecureContext;
  /** Keeps connections, which the shared agent would also use for requests that trust other certificates. */
  readonly agent?: Agent;
  /** The client certificate and its key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Accepts every certificate. Without `ca`, Node's client of Deno 2.9 lists the built-in certificates, which takes a
 * permission (`sys`, `ca`) that no flag grants by its name.
 */
export const TRUST_ANY: NodeTls = { ca: [], rejectUnauthorized: false };

/** Trusts these PEM certificates beside the built-in ones, which every context has. */
export function trusting(
  certificates: readonly string[],
  client?: { readonly cert: string; readonly key: string },
): NodeTls {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_TIMEOUT });
  const secureContext = createSecureContext(client);
  // Deno 2.4 has no contexts, and adds `ca` to the built-in certificates.
  if (!secureContext.context) return { ca: [...certificates], agent, ...client };
  for (const certificate of certificates) secureContext.context.addCACert(certificate);
  return { ca: [], secureContext, agent };
}
