import type { Clock } from "../../base/concurrency.ts";
import { FetchTransport } from "./fetch_transport.ts";
import { RedirectTransport } from "./redirects.ts";
import { type OnRetry, RetryTransport } from "./retry.ts";
import { SchemeTransport } from "./scheme.ts";
import type { Transport } from "./transport.ts";
import { isInsecure, type Trust } from "./trust.ts";

export interface HttpOptions extends Trust {
  readonly clock: Clock;
  readonly onRetry?: OnRetry;
  /** Milliseconds without a byte after which a request is given up. */
  readonly stallTimeout?: number | undefined;
}

/** Everything between larder and the network, from the outside in: retries, HTTP or HTTPS, redirects, sockets. */
export function httpTransport(options: HttpOptions): Transport {
  const wire = withUnverified(new FetchTransport(options), options);
  const redirects = new RedirectTransport(wire, options);
  return new RetryTransport(
    new SchemeTransport(redirects, options),
    options.clock,
    options.onRetry,
  );
}

/** Leaves certificates unseen where that is accepted. Loads Node's HTTPS client only for who needs it. */
function withUnverified(sockets: Transport, options: HttpOptions): Transport {
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
