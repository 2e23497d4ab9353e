import { mapLimit } from "../../base/concurrency.ts";
import { interrupted } from "../../base/errors.ts";
import type { FilesAnswer, FileToHash, HashedFile, HashRequest } from "./hash_messages.ts";

/** Threads that hash the files of a cache, where there are so many processors. */
const HASH_THREADS = 8;

/** A thread is given so many bytes of files to hash at once … */
const HASH_BATCH = 32 * 1024 * 1024;

/** … or so many files, … */
export const HASH_BATCH_FILES = 1024;

/** A file, and the bytes that it is believed to have. */
export interface SizedFile extends FileToHash {
  readonly size: number;
}

export interface HashFilesOptions {
  readonly threads?: number;
  /** Told of bytes that were read. */
  readonly onBytes?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hashes whole files in as many threads as there are processors.
 *
 * @returns what came of each, in the order of the files; a file that cannot be read fails nothing
 * @throws LarderError LDR_INTERRUPTED
 */
export async function hashFiles(
  files: readonly SizedFile[],
  options: HashFilesOptions = {},
): Promise<HashedFile[]> {
  const threads = options.threads ?? Math.min(navigator.hardwareConcurrency, HASH_THREADS);
  const results = new Array<HashedFile>(files.length);
  using pool = new ThreadPool();
  await mapLimit(batchesOf(files), threads, async (batch, signal) => {
    const asked = batch.map((place) => {
      const { path, algorithm } = files[place]!;
      return { path, algorithm };
    });
    const hashed = await pool.run(asked, options.onBytes, signal);
    batch.forEach((place, i) => results[place] = hashed[i]!);
  }, options.signal);
  return results;
}

/** Places of files, in batches: large files first, so that no thread is left alone with one at the end. */
function batchesOf(files: readonly SizedFile[]): number[][] {
  const places = files.keys().toArray().sort((a, b) => files[b]!.size - files[a]!.size);
  const batches: number[][] = [];
  let bytes = Infinity;
  for (const place of places) {
    if (bytes >= HASH_BATCH || batches.at(-1)!.length === HASH_BATCH_FILES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(place);
    bytes += files[place]!.size;
  }
  return batches;
}

/** Threads, each of which has one batch at a time. */
class ThreadPool implements Disposable {
  readonly #all = new Set<Worker>();
  readonly #idle: Worker[] = [];

  async run(
    files: readonly FileToHash[],
    onBytes: ((count: number) => void) | undefined,
    signal: AbortSignal,
  ): Promise<readonly HashedFile[]> {
    const worker = this.#idle.pop() ?? this.#start();
    const hashed = await ask(worker, files, onBytes, signal);
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

function ask(
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
  const request: HashRequest = { id: 0, files };
  worker.postMessage(request);
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}
