/** The hashing thread: hashes files that are still being written up to the announced length, and whole files. */
import { COPY_BUFFER } from "../../base/limits.ts";
import { workerScope } from "../../base/worker.ts";
import type { DigestAlgorithm } from "../../oci/digest.ts";
import { Hasher } from "../../oci/hash.ts";
import { errorOf, hashFile } from "./hash_file.ts";
import type { FileToHash, HashAnswer, HashRequest } from "./hash_messages.ts";

/** 32 MiB after which the thread reports its progress. */
export const HASH_PROGRESS = 32 * 1024 * 1024;

/** The hash of a growing file. */
interface Job {
  readonly file?: Deno.FsFile;
  readonly hasher: Hasher;
  length: number;
  error?: unknown;
}

const scope = workerScope<HashRequest, HashAnswer>();
const jobs = new Map<number, Job>();
const buffer = new Uint8Array(COPY_BUFFER);

scope.onmessage = ({ data }) => {
  if ("files" in data) return hashFiles(data.id, data.files);
  if ("open" in data) {
    jobs.set(data.id, openJob(data.open, data.algorithm as DigestAlgorithm));
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

/** Opens a file; an error is reported when the digest is requested. */
function openJob(path: string, algorithm: DigestAlgorithm): Job {
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
      const rest = Math.min(buffer.length, length - job.length);
      const read = job.file.readSync(rest < buffer.length ? buffer.subarray(0, rest) : buffer);
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
  return { id, error: errorOf(job.error) };
}

/** Hashes whole files and reports progress. */
function hashFiles(id: number, files: readonly FileToHash[]): void {
  let bytes = 0;
  const onBytes = (count: number) => {
    bytes += count;
    if (bytes < HASH_PROGRESS) return;
    scope.postMessage({ id, bytes });
    bytes = 0;
  };
  const hashed = files.map((file) => hashFile(file, onBytes));
  scope.postMessage({ id, bytes, hashed });
}
