/** What a hashing thread is told. `id` names one piece of work among those that it has. */
export type HashRequest =
  | { readonly id: number; readonly open: string; readonly algorithm: string }
  | { readonly id: number; readonly length: number; readonly end: boolean }
  | { readonly id: number; readonly close: true }
  | { readonly id: number; readonly files: readonly FileToHash[] };

/** What it answers: once for each growing file that is read to its end, and as whole files are read. */
export type HashAnswer =
  | { readonly id: number; readonly digest: string }
  | { readonly id: number; readonly error: HashError }
  | FilesAnswer;

/** How far the hashing of whole files has come; the last answer has what came of each, in their order. */
export interface FilesAnswer {
  readonly id: number;
  /** Read since the answer before. */
  readonly bytes: number;
  readonly hashed?: readonly HashedFile[];
}

export interface FileToHash {
  readonly path: string;
  readonly algorithm: string;
}

export interface HashError {
  readonly message: string;
  /** The operating system's: `ENOENT`. */
  readonly code?: string;
}

/** What a file held, or why it could not be read. */
export type HashedFile = { readonly digest: string } | { readonly error: HashError };
