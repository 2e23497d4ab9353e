import { mapLimit } from "../../base/concurrency.ts";
import { interrupted, throwIfAborted } from "../../base/errors.ts";
import { hashFile } from "./hash_file.ts";
import type { FilesAnswer, FileToHash, HashedFile, HashRequest } from "./hash_messages.ts";

/** Files and bytes up to which this thread hashes files itself: to start another takes 34 ms of CPU. */
const FEW_FILES = 64;
const FEW_BYTES = 16 * 1024 * 1024;

/** Threads that hash files, unless there are fewer processors. */
const HASH_THREADS = 8;

/** 32 MiB of files after which a batch for a thread is full. */
const HASH_BATCH = 32 * 1024 * 1024;

/** Files after which a batch for a thread is full. */
export const HASH_BATCH_FILES = 1024;

/** A file and its expected size in bytes, by which work is distributed. */
export interface SizedFile extends FileToHash {
  readonly size: number;
}

export interface HashFilesOptions {
  /** The number of other threads; by default as many as there are processors, and none for few small files. */
  readonly threads?: number;
  /** Called with the number of bytes read since the last call. */
  readonly onBytes?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hashes files: many or large ones in other threads, so that this one stays responsive.
 *
 * @returns a digest or an error per file, in the order of the files
 * @throws LarderError LDR_INTERRUPTED
 */
export async function hashFiles(
  files: readonly SizedFile[],
  options: HashFilesOptions = {},
): Promise<HashedFile[]> {
  if (options.threads === undefined && areFew(files)) {
    throwIfAborted(options.signal);
    return files.map((file) => hashFile(file, (count) => options.onBytes?.(count)));
  }
  const threads = options.threads ?? Math.min(navigator.hardwareConcurrency, HASH_THREADS);
  const results = new Array<HashedFile>(files.length);
  using pool = new ThreadPool();
  await mapLimit(batchesOf(files), threads, async (batch, signal) => {
    const request = batch.map((index) => {
      const { path, algorithm } = files[index]!;
      return { path, algorithm };
    });
    const hashed = await pool.run(request, options.onBytes, signal);
    batch.forEach((index, i) => results[index] = hashed[i]!);
  }, options.signal);
  return results;
}

function areFew(files: readonly SizedFile[]): boolean {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return files.length <= FEW_FILES && bytes <= FEW_BYTES;
}

/** Groups the indexes of files in batches, the largest files first, so that no thread starts a large one last. */
function batchesOf(files: readonly SizedFile[]): number[][] {
  const indexes = files.keys().toArray().sort((a, b) => files[b]!.size - files[a]!.size);
  const batches: number[][] = [];
  let bytes = Infinity;
  for (const index of indexes) {
    if (bytes >= HASH_BATCH || batches.at(-1)!.length === HASH_BATCH_FILES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(index);
    bytes += files[index]!.size;
  }
  return batches;
}

/** Threads that hash one batch each at a time. */
class ThreadPool implements Disposable {
  readonly #all = new Set<Worker>();
  readonly #idle: Worker[] = [];

  async run(
    files: readonly FileToHash[],
    onBytes: ((count: number) => void) | undefined,
    signal: AbortSignal,
  ): Promise<readonly HashedFile[]> {
    const worker = this.#idle.pop() ?? this.#start();
    const hashed = await request(worker, files, onBytes, signal);
    this.#idle.push(worker);
    return hashed;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hash_worker.ts", import.meta.url), { type: "module" });
    this.#all.add(worker);
    return worker;
  }
}

/** Sends a batch to a thread and waits for its result. */
function request(
  worker: Worker,
  files: readonly FileToHash[],
  onBytes: ((count: number) => void) | undefined,
  signal: AbortSignal,
): Promise<readonly HashedFile[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly HashedFile[]>();
  const onAbort = () => reject(interrupted());
  signal.addEventListener("abort", onAbort, { once: true });
  worker.onmessage = ({ data }: MessageEvent<FilesAnswer>) => {
    onBytes?.(data.bytes);
    if (data.hashed) resolve(data.hashed);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(`a hashing thread failed: ${event.message}`));
  };
  worker.postMessage({ id: 0, files } satisfies HashRequest);
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}
