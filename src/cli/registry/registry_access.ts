import { systemClock } from "../../base/concurrency.ts";
import type { Reference } from "../../oci/reference.ts";
import { RegistryClient } from "../../registry/client.ts";
import type { CredentialSource } from "../../registry/credentials/credential.ts";
import type { Place } from "../../registry/endpoints.ts";
import type { Transport } from "../../registry/http/transport.ts";
import type { SharedContent } from "../../registry/shared/shared_content.ts";
import { type HttpOptions, httpTransport } from "../../registry/http/transport_stack.ts";
import type { Context } from "../context.ts";
import { authorizerOf } from "./authorizer.ts";
import { sharedContentOf } from "./shared_content.ts";
import { trustOf, USER_AGENT } from "./trust.ts";
import { viaName } from "./via_name.ts";

/** What a server asks differently. */
export interface ServerLimits
  extends Pick<HttpOptions, "headers" | "longestWait" | "downTime" | "checkAddress"> {
  /** True for the server itself, which is no mirror of its own. */
  readonly isItself?: (place: Place) => boolean;
  /** True if the shared cache is asked for no manifests, because the registry decides who may have them. */
  readonly blobsOnly?: boolean;
}

/**
 * Returns a client and a transport that follow the options, the environment and the config.
 * @param credentials by default those in the user's files
 */
export function openRegistry(
  context: Context,
  credentials?: CredentialSource,
  server?: ServerLimits,
): { client: RegistryClient; transport: Transport } {
  const { headers, isItself = () => false, blobsOnly, ...limits } = server ?? {};
  const trust = trustOf(context);
  const transport = httpTransport({
    ...trust,
    clock: systemClock,
    headers: () => ({ "user-agent": USER_AGENT, ...headers?.() }),
    onRetry: (message) => context.info(message),
    isPrompt: server === undefined,
    ...limits,
  });
  const authorizer = authorizerOf(trust, transport, credentials);
  const mirrors = {
    route: async (reference: Reference) => {
      const { findRoute } = await import("./routes.ts");
      const route = await findRoute(context, trust.hosts, reference);
      const { mirrors, upstream } = route;
      return {
        mirrors: mirrors.filter((mirror) => !isItself(mirror)).map(listed),
        upstream: upstream && listed(upstream),
      };
    },
    headers: (): Record<string, string> => {
      // A server says itself which servers a request has passed.
      const via = headers ? undefined : viaName(context.layout);
      return via === undefined ? {} : { via };
    },
    warn: (message: string) => context.warn(message),
    note: (message: string) => {
      if (context.options.verbose) context.info(message);
    },
  };
  const shared = sharedContentOf(context);
  const client = new RegistryClient({
    transport,
    authorizer,
    clock: systemClock,
    mirrors,
    shared: shared && blobsOnly ? blobsOf(shared) : shared,
  });
  return { client, transport };
}

/** Marks a place as named by the config, which a client of a server cannot name on its own. */
function listed<T extends Place>(place: T): T {
  return { ...place, isListed: true };
}

function blobsOf(shared: SharedContent): SharedContent {
  return { ...shared, manifest: () => Promise.resolve(undefined) };
}
