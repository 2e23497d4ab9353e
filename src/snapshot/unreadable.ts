import { hasCode, type LarderError } from "../base/errors.ts";

/** A file or folder that could not be read, so that what it holds is unknown. */
export interface UnreadablePath {
  readonly path: string;
  /** What failed, with a hint. */
  readonly error: LarderError;
}

/** Collects the files and folders that a snapshot could not read, so that one of them does not hide all the others. */
export class Unreadable {
  readonly #paths = new Map<string, UnreadablePath>();

  get list(): readonly UnreadablePath[] {
    return [...this.#paths.values()];
  }

  /** Returns what `read` returns, or `otherwise` and adds the path if the system refuses to read it. */
  attempt<T>(path: string, read: () => T, otherwise: T): T {
    try {
      return read();
    } catch (error) {
      if (!hasCode(error, "LDR_PERMISSION", "LDR_DISK")) throw error;
      this.#paths.set(path, { path, error });
      return otherwise;
    }
  }
}
