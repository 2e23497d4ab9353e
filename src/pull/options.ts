import type { Clock } from "../base/concurrency.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Transport } from "../registry/http/transport.ts";
import type { SharedContent } from "../registry/shared/shared_content.ts";
import type { Part } from "../store/image_parts.ts";
import type { Layout } from "../store/layout.ts";
import type { PullPolicy } from "./freshness.ts";
import type { Room } from "./room.ts";
import type { PlatformChoice } from "./select_platforms.ts";

export interface PullerDependencies {
  readonly layout: Layout;
  readonly client: RegistryClient;
  /** For the URLs of foreign layers, which are outside the registry. */
  readonly transport: Transport;
  readonly clock: Clock;
  /** Undefined if a full disk is an error at once. */
  readonly room?: Room | undefined;
  /** Receives what was fetched from registries. */
  readonly shared?: SharedContent | undefined;
}

export interface PullOptions extends PlatformChoice {
  readonly policy: PullPolicy;
  /** Milliseconds since its last check up to which a cached copy replaces a registry that fails. */
  readonly staleIfError?: number | undefined;
  /** Fetches foreign layers too. */
  readonly foreign?: boolean | undefined;
  /** Parallel transfers. */
  readonly transfers: number;
  readonly signal?: AbortSignal | undefined;
}

/** `skipped` is a foreign layer that was not asked for. */
export type PartOutcome = "reused" | "fetched" | "skipped";

/** The outcomes of transferred parts by digest; any other part was reused or skipped. */
export type PartOutcomes = Map<Digest, PartOutcome>;

/** Receives the progress of a pull. */
export interface PullObserver {
  /** Called with the parts to fetch; not called if there are none. */
  planned?(parts: readonly Descriptor[]): void | Promise<void>;
  /** Called when a transfer begins at `offset`: 0, or the end of an earlier attempt. */
  started?(part: Descriptor, offset: number): void;
  progressed?(part: Descriptor, bytes: number): void;
  finished?(part: Descriptor, outcome: PartOutcome, kind: Part["kind"]): void;
  /** Called with one line about a retry or a wait. */
  note?(message: string): void;
}
