import { LarderError, messageOf, shellWord } from "../../base/errors.ts";
import {
  type FileStamp,
  isNotFound,
  isSameFile,
  readTextIfAny,
  stampOf,
} from "../../base/files/files.ts";
import { diskError } from "../../base/files/system_error.ts";

/** Milliseconds between two looks at a file. */
const INTERVAL = 1000;

export interface WatchOptions {
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** The parsed content of a file of the user, read again when it changes. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  readonly #options: WatchOptions;
  #value: T;
  /** Undefined if the file was gone. */
  #stamp: FileStamp | undefined;
  #lookedAt: number;

  /**
   * @param source the option that names the file
   * @throws LarderError LDR_CONFIG if there is no such file, LDR_DISK*, and those of `parse`
   */
  constructor(path: string, source: string, parse: (text: string) => T, options: WatchOptions) {
    this.#path = path;
    this.#parse = parse;
    this.#options = options;
    this.#lookedAt = options.now();
    const info = infoOf(path);
    const text = readTextIfAny(path);
    if (info === undefined || text === undefined) {
      throw new LarderError("LDR_CONFIG", `no file ${path}, which ${source} names`, {
        hint: "name an existing file",
      });
    }
    this.#stamp = stampOf(info);
    if (Deno.build.os !== "windows" && (info.mode! & 0o007) !== 0) {
      options.warn(`other users have access to ${path}: type chmod o= ${shellWord(path)}`);
    }
    this.#value = parse(text);
  }

  /** The content. A file that is gone or cannot be parsed leaves the previous content in force, with a warning. */
  get value(): T {
    const now = this.#options.now();
    if (now - this.#lookedAt >= INTERVAL) {
      this.#lookedAt = now;
      this.#refresh();
    }
    return this.#value;
  }

  #refresh(): void {
    const info = infoOf(this.#path);
    const stamp = info && stampOf(info);
    const isUnchanged = stamp && this.#stamp
      ? isSameFile(stamp, this.#stamp)
      : stamp === this.#stamp;
    if (isUnchanged) return;
    this.#stamp = stamp;
    try {
      const text = readTextIfAny(this.#path);
      if (text === undefined) throw new Error("the file is gone");
      this.#value = this.#parse(text);
    } catch (error) {
      this.#options.warn(`keeping what ${this.#path} contained before: ${messageOf(error)}`);
    }
  }
}

/** Follows links, which secrets of Kubernetes are. */
function infoOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "read", path);
  }
}
