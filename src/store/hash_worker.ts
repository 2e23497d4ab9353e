/** The hashing thread: reads files that are still being written, as far as it is told, and hashes them. */
import { COPY_BUFFER } from "../base/defaults.ts";
import { type DigestAlgorithm, Hasher } from "../oci/digest.ts";
import type { HashAnswer, HashRequest } from "./file_hasher.ts";

/** The part of a worker's global scope that is used here; Deno's own types are those of the main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<HashRequest>) => void) | null;
  postMessage(answer: HashAnswer): void;
}

interface Job {
  readonly file?: Deno.FsFile;
  readonly hasher: Hasher;
  length: number;
  error?: unknown;
}

const scope = globalThis as unknown as WorkerScope;
const jobs = new Map<number, Job>();
const buffer = new Uint8Array(COPY_BUFFER);

scope.onmessage = ({ data }) => {
  if ("open" in data) {
    jobs.set(data.id, begin(data.open, data.algorithm as DigestAlgorithm));
    return;
  }
  const job = jobs.get(data.id);
  if (!job) return;
  if ("close" in data) {
    job.file?.close();
    jobs.delete(data.id);
    return;
  }
  advance(job, data.length);
  if (data.end) scope.postMessage(answer(data.id, job));
};

/** Opens a file; a failure is told at the end, when it is asked for. */
function begin(path: string, algorithm: DigestAlgorithm): Job {
  const hasher = new Hasher(algorithm);
  try {
    return { file: Deno.openSync(path, { read: true }), hasher, length: 0 };
  } catch (error) {
    return { hasher, length: 0, error };
  }
}

function advance(job: Job, length: number): void {
  if (!job.file || job.error) return;
  try {
    while (job.length < length) {
      const wanted = Math.min(buffer.length, length - job.length);
      const read = job.file.readSync(wanted < buffer.length ? buffer.subarray(0, wanted) : buffer);
      if (read === null) throw new Error(`the file ends after ${job.length} of ${length} bytes`);
      job.hasher.update(buffer.subarray(0, read));
      job.length += read;
    }
  } catch (error) {
    job.error = error;
  }
}

function answer(id: number, job: Job): HashAnswer {
  if (!job.error) return { id, digest: job.hasher.digest() };
  const { message, code } = job.error as Error & { code?: string };
  return { id, error: { message, ...(code && { code }) } };
}
