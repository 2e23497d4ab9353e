import type { Clock } from "../../base/concurrency.ts";
import { hasCode, LarderError, messageOf } from "../../base/errors.ts";
import { statIfAny } from "../../base/files/files.ts";
import { LOCK_POLL, PULL_ROUNDS } from "../../base/limits.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Fetcher } from "../../oci/fetcher.ts";
import { transfer } from "../../pull/transfer/transfer.ts";
import type { Ingest, IngestOptions } from "../../store/blobs/ingest.ts";
import type { Waits } from "../waits.ts";
import { SharedSource } from "./shared_source.ts";
import type { Space } from "./space.ts";

/** What a download needs to know of its blob. */
export interface DownloadRequest {
  readonly descriptor: BlobDescriptor;
  /** The repository that is asked, and its name. */
  readonly repository: string;
  readonly source: Fetcher;
  /** The partial file, which the process that has its lock writes. */
  readonly partial: string;
  /** Called at the end with the number of bytes that were fetched. */
  readonly onEnd: (fetched: number) => void;
  /** Called if this process has fetched the blob. */
  readonly onCommitted: () => void;
  /** Opens the ingest; returns undefined if the blob is present. */
  readonly open: (options: IngestOptions) => Promise<Ingest | undefined>;
}

export interface DownloadDependencies {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Receives a line about each retry. */
  readonly note: (message: string) => void;
  /** Receives what could not be kept, in one line. */
  readonly warn: (message: string) => void;
  readonly space: Space;
  readonly waits: Waits;
  /** Called after each download. */
  readonly onFetched: () => void;
  /** Keeps collectors from the partial file and the blob until the function that it returns is called. */
  readonly lease: (digest: Digest) => Promise<() => void>;
}

/** True if the disk does not take what was fetched. */
export function isOfDisk(error: unknown): boolean {
  return error instanceof LarderError && error.exitCode === 7;
}

/** The downloads that are under way, one for each blob. A wrong size, which any manifest can state, is one of its own. */
export class Downloads {
  readonly #deps: DownloadDependencies;
  readonly #running = new Map<string, SharedDownload>();

  constructor(deps: DownloadDependencies) {
    this.#deps = deps;
  }

  /** Returns the download of a blob that is under way, or starts one. It goes on to its end without readers too. */
  join(request: DownloadRequest): SharedDownload {
    const { repository, source, descriptor } = request;
    const key = keyOf(descriptor);
    const running = this.#running.get(key);
    if (running && running.progress.state !== "failed") {
      running.source.add(repository, source);
      return running;
    }
    const download = new SharedDownload(request, this.#deps);
    this.#running.set(key, download);
    this.#deps.waits.begin(descriptor.digest, download.ended).then(() => {
      if (this.#running.get(key) === download) this.#running.delete(key);
    });
    return download;
  }

  isRunning(descriptor: BlobDescriptor): boolean {
    return this.#running.has(keyOf(descriptor));
  }

  /** Resolves when no download is under way. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }
}

function keyOf({ digest, size }: BlobDescriptor): string {
  return `${digest} ${size}`;
}

/** How far a download is. */
export type Progress =
  /** This process writes the partial file; what was read of it stays right as long as `generation` is the same. */
  | { readonly state: "own"; readonly length: number; readonly generation: number }
  /** Another process does, or will. */
  | { readonly state: "foreign"; readonly length: number }
  /** The blob has its name and its digest; `generation` is that of the file, if this process wrote it. */
  | { readonly state: "done"; readonly generation: number | undefined }
  | { readonly state: "failed"; readonly error: unknown };

/** One download that any number of readers follow in the partial file. */
export class SharedDownload {
  readonly descriptor: BlobDescriptor;
  readonly partial: string;
  readonly source = new SharedSource();
  /** Resolves when it is done or has failed. */
  readonly ended: Promise<void>;
  readonly #deps: DownloadDependencies;
  #progress: Progress = { state: "foreign", length: 0 };
  #generation = 0;
  #fetched = 0;
  /** True if another process has committed the blob. */
  #isForeign = false;
  #change = Promise.withResolvers<void>();

  constructor(request: DownloadRequest, deps: DownloadDependencies) {
    this.descriptor = request.descriptor;
    this.partial = request.partial;
    this.source.add(request.repository, request.source);
    this.#deps = deps;
    this.ended = this.#run(request);
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Resolves at the next change of {@link progress}. */
  get change(): Promise<void> {
    return this.#change.promise;
  }

  /** Says why clients get the blob from its registry although the cache has it. */
  warnUnreadable(path: string): void {
    this.#deps.warn(`cannot read ${path}: serving it from its registry`);
  }

  async #run(request: DownloadRequest): Promise<void> {
    const { warn, lease, space } = this.#deps;
    let release = () => {};
    try {
      release = await lease(request.descriptor.digest);
      await space.prepare(request.descriptor);
      await this.#transfer(request);
      this.#set({ state: "done", generation: this.#isForeign ? undefined : this.#generation });
      if (!this.#isForeign) request.onCommitted();
    } catch (error) {
      if (isOfDisk(error)) warn(`cannot keep ${request.descriptor.digest}: ${messageOf(error)}`);
      this.#set({ state: "failed", error });
    } finally {
      release();
      request.onEnd(this.#fetched);
      this.#deps.onFetched();
    }
  }

  /** Fetches the blob; if the disk is full, as often as space can be freed. */
  async #transfer(request: DownloadRequest): Promise<void> {
    const { clock, signal, note: onRetry, space } = this.#deps;
    const { descriptor } = request;
    const onStart = (offset: number) => this.#begin(offset);
    const onBytes = (count: number) => this.#advance(count);
    for (let round = 1;; round++) {
      try {
        const options = { clock, signal, onStart, onBytes, onRetry };
        await transfer(this.source, descriptor, () => this.#open(request), options);
        return;
      } catch (error) {
        const missing = Math.max(0, (descriptor.size ?? 0) - this.#length);
        const isMade = round <= PULL_ROUNDS &&
          await space.recover(error, descriptor.digest, missing);
        if (isMade) continue;
        if (hasCode(error, "LDR_DISK_FULL")) await this.#discard(request);
        throw error;
      }
    }
  }

  /** Gives back the space of the partial file, which would keep everything else out of the cache. */
  async #discard({ open }: DownloadRequest): Promise<void> {
    try {
      (await open({ signal: this.#deps.signal }))?.discard();
    } catch {
      // The disk does not even take the lock, or larder is stopping: gc removes the file.
    }
  }

  get #length(): number {
    return "length" in this.#progress ? this.#progress.length : 0;
  }

  /** Opens the ingest; until that succeeds, another process may be writing, and its file is watched. */
  async #open({ open }: DownloadRequest): Promise<Ingest | undefined> {
    let timer: ReturnType<typeof setInterval> | undefined;
    const watch = () => {
      const length = statIfAny(this.partial)?.size ?? 0;
      const { state } = this.#progress;
      if (state !== "foreign" || length !== this.#progress.length) {
        this.#set({ state: "foreign", length });
      }
    };
    const waiting = () => timer ??= setInterval(watch, LOCK_POLL);
    try {
      const ingest = await open({ waiting, signal: this.#deps.signal });
      this.#isForeign = ingest === undefined;
      return ingest;
    } finally {
      clearInterval(timer);
    }
  }

  /** The partial file now has `offset` bytes that count: fewer than before if it was started over. */
  #begin(offset: number): void {
    const before = this.#progress;
    if (before.state !== "own" || offset < before.length) this.#generation++;
    this.#set({ state: "own", length: offset, generation: this.#generation });
  }

  #advance(count: number): void {
    this.#fetched += count;
    if (this.#progress.state !== "own") return;
    this.#set({ ...this.#progress, length: this.#progress.length + count });
  }

  #set(progress: Progress): void {
    this.#progress = progress;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
