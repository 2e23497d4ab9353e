/**
 * A message to a hashing thread: open a growing file, hash it up to a length, close it, or hash whole files. `id`
 * identifies the job.
 */
export type HashRequest =
  | { readonly id: number; readonly open: string; readonly algorithm: string }
  | { readonly id: number; readonly length: number; readonly end: boolean }
  | { readonly id: number; readonly close: true }
  | { readonly id: number; readonly files: readonly FileToHash[] };

/** The answer of a hashing thread: one for each growing file that has ended, several while it reads whole files. */
export type HashAnswer =
  | { readonly id: number; readonly digest: string }
  | { readonly id: number; readonly error: HashError }
  | FilesAnswer;

/** Progress of hashing whole files; the last answer has the results, in the order of the files. */
export interface FilesAnswer {
  readonly id: number;
  /** Bytes read since the previous answer. */
  readonly bytes: number;
  readonly hashed?: readonly HashedFile[];
}

export interface FileToHash {
  readonly path: string;
  readonly algorithm: string;
}

export interface HashError {
  readonly message: string;
  /** Code of the operating system, such as `ENOENT`. */
  readonly code?: string;
}

/** The digest of a file, or why it could not be read. */
export type HashedFile = { readonly digest: string } | { readonly error: HashError };
