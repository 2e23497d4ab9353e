import type { Clock } from "../base/concurrency.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Transport } from "../registry/transport.ts";
import type { Layout } from "../store/layout.ts";
import type { Policy } from "./freshness.ts";
import type { PlatformChoice } from "./images.ts";

export interface PullerDependencies {
  readonly layout: Layout;
  readonly client: RegistryClient;
  /** For what lies outside registries: the URLs of foreign layers. */
  readonly transport: Transport;
  readonly clock: Clock;
}

export interface PullOptions extends PlatformChoice {
  readonly policy: Policy;
  /** Milliseconds: how old a cached copy may be that stands in for a registry that fails. */
  readonly staleIfError?: number | undefined;
  readonly foreign?: boolean | undefined;
  /** Transfers at once. */
  readonly transfers: number;
  readonly signal?: AbortSignal | undefined;
}
