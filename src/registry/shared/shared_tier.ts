import type { Clock } from "../../base/concurrency.ts";
import { hasCode, interrupted, type LarderError, messageOf } from "../../base/errors.ts";
import { MAX_DOCUMENT, MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import { type Digest, shortenDigests } from "../../oci/digest.ts";
import type { BlobStream, FetchOptions } from "../../oci/fetcher.ts";
import {
  type Manifest,
  manifestTooLarge,
  MAX_MANIFEST,
  parseManifest,
} from "../../oci/manifest.ts";
import { readBody, readSmall } from "../http/body.ts";
import { DOWN_TIME } from "../http/host_health.ts";
import { requestFrom } from "../http/range_request.ts";
import { recordObject } from "./record_object.ts";
import type { Offer, RecordKind, SharedContent } from "./shared_content.ts";
import { keyOf, type SharedObject, type SharedStore } from "./shared_store.ts";
import type { RecordSigner } from "./signed_record.ts";
import { Uploads, type UploadTally } from "./uploads.ts";

/** 10 seconds without a byte after which a body is fetched from its origin instead. */
const STALL_TIMEOUT = 10_000;

export interface TierDependencies {
  readonly store: SharedStore;
  /** Undefined if records are neither read nor written. */
  readonly signer: RecordSigner | undefined;
  readonly writes: boolean;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/**
 * Shared content in a store. After a failed read the store is not asked for {@link DOWN_TIME}, and after a failed write
 * it is not written to. An object with wrong content is not asked for again, and is replaced by a process that writes.
 * The user is warned once, and again only after the store has answered.
 */
export class SharedTier implements SharedContent {
  readonly #deps: TierDependencies;
  readonly #uploads: Uploads | undefined;
  /** Objects that are not what their names say. */
  readonly #bad = new RecentMap<string, true>(MAX_NAMED);
  #downUntil = 0;
  #noWritesUntil = 0;
  #hasWarned = false;

  constructor(deps: TierDependencies) {
    this.#deps = deps;
    const { store, signer, writes, warn } = deps;
    const failed = (error: unknown) => this.#writeFailed(error);
    const mayAsk = () => !this.#isDown() && this.#deps.clock.elapsed() >= this.#noWritesUntil;
    const isBad = (object: SharedObject) => this.#bad.has(keyOf(object));
    const written = (object: SharedObject) => void this.#bad.delete(keyOf(object));
    const uploads = { store, signer, mayAsk, isBad, written, failed, warn };
    this.#uploads = writes ? new Uploads(uploads) : undefined;
  }

  /** The name of the store. */
  get name(): string {
    return this.#deps.store.name;
  }

  /** @inheritdoc */
  async blob(
    descriptor: BlobDescriptor,
    offset = 0,
    { signal, end, once }: FetchOptions = {},
  ): Promise<BlobStream | undefined> {
    const object = { kind: "data", digest: descriptor.digest } as const;
    return await this.#ask(object, async () => {
      const opened = await requestFrom(
        descriptor,
        { start: offset, end },
        (headers) => this.#deps.store.get(object, headers, signal),
      );
      const { response, start = 0 } = opened;
      const last = opened.end ?? descriptor.size;
      const chunks = readBody(response, {
        url: new URL(response.url),
        signal,
        expected: last && last - start,
        stallTimeout: STALL_TIMEOUT,
      });
      return {
        offset: start,
        end: opened.end,
        chunks: this.#watched(chunks),
        reject: (error: LarderError) => this.#reject(object, error),
      };
    }, { signal, once });
  }

  /** @inheritdoc */
  async manifest(digest: Digest, signal?: AbortSignal): Promise<Manifest | undefined> {
    const object = { kind: "manifests", digest } as const;
    return await this.#ask(object, async () => {
      const bytes = await this.#read(object, MAX_MANIFEST, signal);
      if (!bytes) throw manifestTooLarge(digest);
      // The digest says nothing about a header with the type.
      return parseManifest(bytes, digest, undefined, digest);
    }, { signal });
  }

  /** @inheritdoc */
  async record(kind: RecordKind, name: string, signal?: AbortSignal): Promise<unknown> {
    const { signer } = this.#deps;
    if (!signer) return undefined;
    const object = recordObject({ kind, name });
    return await this.#ask(object, async () => {
      const bytes = await this.#read(object, MAX_DOCUMENT, signal);
      return await signer.open(bytes ?? new Uint8Array(), kind, name);
    }, { signal });
  }

  /** @inheritdoc */
  offer(offer: Offer): void {
    this.#uploads?.add(offer);
  }

  /**
   * Waits until everything that was offered is written, for a time.
   * @param limit milliseconds
   */
  async finish(limit: number, signal: AbortSignal): Promise<UploadTally | undefined> {
    const uploads = this.#uploads;
    if (!uploads) return undefined;
    const wait = new AbortController();
    const either = AbortSignal.any([signal, wait.signal]);
    await Promise.race([
      uploads.ended,
      this.#deps.clock.sleep(limit, either).catch(() => {}),
    ]);
    wait.abort();
    const { tally } = uploads;
    uploads.stop();
    return tally;
  }

  #isDown(): boolean {
    return this.#deps.clock.elapsed() < this.#downUntil;
  }

  async #ask<T>(
    object: SharedObject,
    work: () => Promise<T>,
    { signal, once }: Pick<FetchOptions, "signal" | "once">,
  ): Promise<T | undefined> {
    if (this.#isDown() || this.#bad.has(keyOf(object))) return undefined;
    const downBefore = this.#downUntil;
    try {
      const answer = await work();
      if (this.#downUntil === downBefore) this.#recovered();
      return answer;
    } catch (error) {
      if (signal?.aborted) throw interrupted();
      if (once) throw error;
      if (isOfContent(error)) this.#reject(object, error);
      else if (!hasCode(error, "LDR_NOT_FOUND")) this.#failed(error);
      return undefined;
    }
  }

  async #read(
    object: SharedObject,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const response = await this.#deps.store.get(object, {}, signal);
    const url = new URL(response.url);
    return await readSmall(response, limit, { url, signal, stallTimeout: STALL_TIMEOUT });
  }

  /** Notes a body that breaks off; the caller continues elsewhere. */
  async *#watched(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      if (!hasCode(error, "LDR_INTERRUPTED")) this.#failed(error);
      throw error;
    }
  }

  #reject(object: SharedObject, error: LarderError): void {
    const key = keyOf(object);
    this.#bad.set(key, true);
    this.#warn(`skipping ${key} in the shared cache ${this.#deps.store.name}: ${error.message}`);
  }

  /** Lets the next failure be told again, as in a server that runs for days. */
  #recovered(): void {
    if (this.#downUntil === 0) return;
    this.#downUntil = 0;
    this.#hasWarned = false;
  }

  /** A store that takes no writes, such as one behind a proxy, may still answer reads. */
  #writeFailed(error: unknown): void {
    this.#noWritesUntil = this.#deps.clock.elapsed() + DOWN_TIME;
    this.#warn(`writing nothing to the shared cache ${this.#deps.store.name}: ${reasonOf(error)}`);
  }

  #failed(error: unknown): void {
    this.#downUntil = this.#deps.clock.elapsed() + DOWN_TIME;
    this.#warn(`skipping the shared cache ${this.#deps.store.name}: ${reasonOf(error)}`);
  }

  #warn(message: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#deps.warn(shortenDigests(message));
  }
}

/** Returns what failed, and what to do about it unless waiting helps. */
function reasonOf(error: unknown): string {
  const isLasting = hasCode(error, "LDR_FORBIDDEN", "LDR_CONFIG", "LDR_BAD_RESPONSE");
  return isLasting ? `${messageOf(error)}; ${error.hint}` : messageOf(error);
}

/** True if an object is at fault, and not the store. */
function isOfContent(error: unknown): error is LarderError {
  return hasCode(
    error,
    "LDR_DIGEST_MISMATCH",
    "LDR_SIZE_MISMATCH",
    "LDR_BAD_MANIFEST",
    "LDR_UNSUPPORTED_MANIFEST",
    "LDR_UNVERIFIED",
  );
}
