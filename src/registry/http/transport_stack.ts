import type { Clock } from "../../base/concurrency.ts";
import { hasCode } from "../../base/errors.ts";
import { type CheckAddress, checkLiteral } from "./checked_address.ts";
import { FetchTransport } from "./fetch_transport.ts";
import { proxyFor } from "./proxy.ts";
import { RedirectTransport } from "./redirects.ts";
import { type OnRetry, RetryTransport } from "./retry.ts";
import { SchemeTransport } from "./scheme.ts";
import type { Transport } from "./transport.ts";
import { isInsecure, type Trust } from "./tls/trust.ts";

export interface HttpOptions extends Trust {
  readonly clock: Clock;
  readonly onRetry?: OnRetry;
  /** The `User-Agent` of all requests; the runtime's own by default. */
  readonly userAgent?: string | undefined;
  /** Milliseconds without a response after which a request fails. */
  readonly stallTimeout?: number | undefined;
  /** Milliseconds that larder waits if a server asks it to; a minute by default. */
  readonly longestWait?: number | undefined;
  /** Decides on every address before a connection is made to it, also after redirects and for token servers. */
  readonly checkAddress?: CheckAddress | undefined;
}

/** Stacks the transports between larder and the network: retries, then HTTP or HTTPS, then redirects, then sockets. */
export function httpTransport(options: HttpOptions): Transport {
  const client = withBlockedPorts(
    withCheckedAddresses(new FetchTransport(options), options),
    options,
  );
  const sockets = withUserAgent(withInsecureHosts(client, options), options);
  const redirects = new RedirectTransport(sockets, options);
  return new RetryTransport(
    new SchemeTransport(redirects, options),
    options.clock,
    options.onRetry,
    options.longestWait,
  );
}

/**
 * Connects to checked addresses only, with Node's client. A proxy resolves names itself, so that only an address in a
 * URL can be checked before a request through it.
 */
function withCheckedAddresses(client: Transport, options: HttpOptions): Transport {
  const { checkAddress } = options;
  if (!checkAddress) return client;
  let transport: Transport | undefined;
  return {
    async send(request) {
      checkLiteral(request.url, checkAddress);
      if (proxyFor(request.url, Deno.env)) return await client.send(request);
      const { NodeTransport } = await import("./node_transport.ts");
      transport ??= new NodeTransport(options);
      return await transport.send(request);
    },
  };
}

/** The error of the runtime's own client for a port that browsers block; it comes before any traffic. */
const BLOCKED_PORT = /Requests to port \d+ are blocked$/;

/** Sends what the runtime's own client refuses because of the port with Node's client. */
function withBlockedPorts(client: Transport, options: HttpOptions): Transport {
  let transport: Transport | undefined;
  return {
    async send(request) {
      try {
        return await client.send(request);
      } catch (error) {
        if (!hasCode(error, "LDR_UNREACHABLE") || !BLOCKED_PORT.test(error.message)) throw error;
        const { NodeTransport } = await import("./node_transport.ts");
        transport ??= new NodeTransport(options);
        return await transport.send(request);
      }
    },
  };
}

/** Skips the check of certificates for insecure hosts. Loads Node's HTTPS client only for them. */
function withInsecureHosts(sockets: Transport, options: HttpOptions): Transport {
  let transport: Transport | undefined;
  return {
    async send(request) {
      if (!isInsecure(options, request.url)) return await sockets.send(request);
      const { InsecureTransport } = await import("./insecure_transport.ts");
      transport ??= new InsecureTransport(sockets, options);
      return await transport.send(request);
    },
  };
}

/** Names larder to servers, whose operators otherwise see a browser-like runtime. */
function withUserAgent(sockets: Transport, { userAgent }: HttpOptions): Transport {
  if (userAgent === undefined) return sockets;
  return {
    send: (request) =>
      sockets.send({ ...request, headers: { "user-agent": userAgent, ...request.headers } }),
  };
}
