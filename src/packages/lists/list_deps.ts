import type { Clock } from "../../base/concurrency.ts";
import type { Room } from "../../pull/room.ts";
import type { Transport } from "../../registry/http/transport.ts";
import type { Layout } from "../../store/layout.ts";

/** What resolving a list of packages needs. */
export interface ListDeps {
  /** The cache, in which indexes are kept for a run without network. */
  readonly layout: Layout;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Undefined if a full disk is an error at once. */
  readonly room?: Room | undefined;
  /** True if no request may be sent: the lists and indexes of the last run with a network are read from the cache. */
  readonly offline: boolean;
  /** File of the keys that may sign an index: one that is named directly, and one in a list that names no keyring. */
  readonly keyring?: string | undefined;
  /** Architecture of the packages, as their repository names it; by default that of this machine. */
  readonly arch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with one line about a retry, or about an index whose signature was not checked. */
  note?(message: string): void;
}
