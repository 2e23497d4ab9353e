import type { Clock } from "../base/concurrency.ts";
import { FetchTransport } from "./fetch_transport.ts";
import { RedirectTransport } from "./redirects.ts";
import { type OnRetry, RetryTransport } from "./retry.ts";
import { SchemeTransport } from "./schemes.ts";
import type { Transport } from "./transport.ts";

export interface HttpOptions {
  readonly clock: Clock;
  /** PEM certificates to trust beside the built-in ones; asked for when TLS is first spoken. */
  readonly caCerts?: () => readonly string[];
  /** Accept plain HTTP and unverified TLS. */
  readonly insecure?: boolean | undefined;
  readonly onRetry?: OnRetry;
  /** Milliseconds without a byte after which a request is given up. */
  readonly stallTimeout?: number | undefined;
}

/** Everything between larder and the network, from the outside in: retries, HTTP or HTTPS, redirects, sockets. */
export function httpTransport(options: HttpOptions): Transport {
  const { insecure = false, stallTimeout } = options;
  const sockets = new FetchTransport(options);
  const wire = insecure ? unverified(sockets, stallTimeout) : sockets;
  const redirects = new RedirectTransport(wire, { insecure });
  return new RetryTransport(
    new SchemeTransport(redirects, { insecure }),
    options.clock,
    options.onRetry,
  );
}

/** Loads Node's HTTPS client only for who needs it. */
function unverified(sockets: Transport, stallTimeout: number | undefined): Transport {
  let transport: Transport | undefined;
  return {
    async send(request) {
      const { InsecureTransport } = await import("./insecure_transport.ts");
      transport ??= new InsecureTransport(sockets, { stallTimeout });
      return await transport.send(request);
    },
  };
}
