import type { Clock } from "../../base/concurrency.ts";
import { hasCode } from "../../base/errors.ts";
import { type CheckAddress, checkLiteral } from "./clients/node/checked_address.ts";
import { CheckedNames } from "./clients/node/checked_names.ts";
import { FetchTransport } from "./clients/fetch_transport.ts";
import { proxyFor } from "./proxy.ts";
import { RedirectTransport } from "./redirects.ts";
import { type OnRetry, RetryTransport } from "./retry.ts";
import { SchemeTransport } from "./scheme.ts";
import type { Transport } from "./transport.ts";
import { isInsecure, type Trust } from "./tls/trust.ts";

export interface HttpOptions extends Trust {
  readonly clock: Clock;
  readonly onRetry?: OnRetry;
  /** Sent with all requests, unless they have their own of this name, such as `user-agent`. */
  readonly headers?: (() => Readonly<Record<string, string>>) | undefined;
  /** Milliseconds without a response after which a request fails. */
  readonly stallTimeout?: number | undefined;
  /** True for a process that soon ends: its first small requests are sent by `PromptClient`. */
  readonly isPrompt?: boolean | undefined;
  /** Milliseconds that larder waits if a server asks it to; a minute by default. */
  readonly longestWait?: number | undefined;
  /** Milliseconds for which a host that has failed is not asked; a minute by default. */
  readonly downTime?: number | undefined;
  /**
   * Decides on every address before a connection is made to it, also after redirects and for token servers; not on those
   * of listed origins.
   */
  readonly checkAddress?: CheckAddress | undefined;
}

/** Stacks the transports between larder and the network: retries, then HTTP or HTTPS, then redirects, then sockets. */
export function httpTransport(options: HttpOptions): Transport {
  const { checkAddress } = options;
  const pins = checkAddress && canConnectToChecked();
  const own = pins ? options : { ...options, checkAddress: undefined };
  const client = withBlockedPorts(withCheckedAddresses(new FetchTransport(own), own), own);
  const sockets = withHeaders(withInsecureHosts(client, own), own.headers);
  const checked = checkAddress && !pins ? new CheckedNames(sockets, checkAddress) : sockets;
  const redirects = new RedirectTransport(checked, options);
  return new RetryTransport(
    new SchemeTransport(redirects, options),
    options.clock,
    options.onRetry,
    options,
  );
}

/** True if Node's client asks for addresses with `lookup`; that of Deno 2.4 fails instead. */
function canConnectToChecked(): boolean {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 9);
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
      if (request.isListed) return await client.send(request);
      checkLiteral(request.url, checkAddress);
      if (proxyFor(request.url, Deno.env)) return await client.send(request);
      const { NodeTransport } = await import("./clients/node/node_transport.ts");
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
        const { NodeTransport } = await import("./clients/node/node_transport.ts");
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
      const { InsecureTransport } = await import("./clients/node/insecure_transport.ts");
      transport ??= new InsecureTransport(sockets, options);
      return await transport.send(request);
    },
  };
}

function withHeaders(sockets: Transport, headers: HttpOptions["headers"]): Transport {
  if (!headers) return sockets;
  return {
    send: (request) => sockets.send({ ...request, headers: { ...headers(), ...request.headers } }),
  };
}
