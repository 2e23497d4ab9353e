import type { Clock } from "../base/concurrency.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Transport } from "../registry/http/transport.ts";
import type { Layout } from "../store/layout.ts";
import type { Policy } from "./freshness.ts";
import type { PlatformChoice } from "./select_platforms.ts";
import type { Descriptor } from "../oci/descriptor.ts";

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

/** What became of one part of an image. */
export type Outcome = "reused" | "fetched" | "skipped";

/** Is told how a pull goes on. Every method may be left out. */
export interface PullObserver {
  /** `parts` have to be fetched. Not called where nothing has to be. */
  planned?(parts: readonly Descriptor[]): void | Promise<void>;
  /** A transfer begins at `offset`: 0, or where an earlier try ended. */
  started?(part: Descriptor, offset: number): void;
  progressed?(part: Descriptor, bytes: number): void;
  finished?(part: Descriptor, outcome: Outcome): void;
  /** Something worth a line: a retry, a wait for another process. */
  note?(message: string): void;
}
