import type { Clock } from "../base/concurrency.ts";
import type { Room } from "../pull/room.ts";
import type { Transport } from "../registry/http/transport.ts";
import type { SharedContent } from "../registry/shared/shared_content.ts";
import type { Layout } from "../store/layout.ts";
import type { PackageRequest, PackageResult } from "./package_request.ts";

export interface PackageDependencies {
  /** The cache, or one that is removed afterwards if the user bypasses the cache: see `ScratchCache`. */
  readonly layout: Layout;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Undefined if a full disk is an error at once. */
  readonly room?: Room | undefined;
  /** Asked before the servers of packages, and receives what they sent; undefined if the user bypasses the cache. */
  readonly shared?: SharedContent | undefined;
}

export interface PackageOptions {
  /** Parallel transfers. */
  readonly transfers: number;
  /** True if no request may be sent. */
  readonly offline?: boolean | undefined;
  /** Fetches again what has no digest, and replaces what is cached under the same name with other bytes. */
  readonly replace?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Receives the progress of a fetch. */
export interface PackageObserver {
  /** Called when a transfer begins. @param size bytes of the whole package, undefined if they are not known */
  started?(request: PackageRequest, offset: number, size: number | undefined): void;
  progressed?(request: PackageRequest, bytes: number): void;
  /** Called for each package that is at hand, with bytes that were fetched for it. */
  finished?(result: PackageResult): void;
  failed?(request: PackageRequest): void;
  /** Called with one line about a retry or a wait. */
  note?(message: string): void;
}
