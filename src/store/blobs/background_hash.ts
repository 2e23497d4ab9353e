import type { BlobHasher } from "../../oci/content_verifier.ts";
import { algorithmOf, asDigest, type Digest } from "../../oci/digest.ts";
import type { HashAnswer, HashRequest } from "./hash_messages.ts";

/** So many new bytes are worth telling the hashing thread of. */
const HASH_STEP = 1024 * 1024;

/**
 * Hashes a file in another thread while this one goes on writing it.
 *
 * The thread reads what was written back from the file, which the page cache makes cheap: no buffer has to be
 * handed over and none held back, and what is hashed is what stands in the file. One thread serves all files; it
 * ends with the last of them.
 */
export class FileHasher implements BlobHasher {
  readonly #thread = HashThread.join();
  readonly #id: number;
  #length: number;
  #told = 0;
  #open = true;

  /** @param length the bytes that are in the file already */
  constructor(path: string, digest: Digest, length: number) {
    this.#length = length;
    this.#id = this.#thread.open(path, algorithmOf(digest));
    this.#tell();
  }

  /** Takes note of bytes that are about to be written; the thread is told of those before them. */
  update(bytes: Uint8Array): void {
    if (this.#length - this.#told >= HASH_STEP) this.#tell();
    this.#length += bytes.length;
  }

  /**
   * The digest of the file up to the last byte told of; ends the hash.
   * @throws Error with the operating system's code, where the file cannot be read
   */
  async digest(): Promise<Digest> {
    try {
      return await this.#thread.finish(this.#id, this.#length);
    } finally {
      this.close();
    }
  }

  /** Gives the hash up. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#thread.leave(this.#id);
  }

  #tell(): void {
    this.#told = this.#length;
    this.#thread.advance(this.#id, this.#length);
  }
}

class HashThread {
  static #current: HashThread | undefined;

  readonly #worker = new Worker(new URL("./hash_worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, PromiseWithResolvers<Digest>>();
  #failure: Error | undefined;
  #users = 0;
  #lastId = 0;

  private constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<HashAnswer>) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = new Error(`the hashing thread failed: ${event.message}`);
      for (const { reject } of this.#waiting.values()) reject(this.#failure);
    };
  }

  static join(): HashThread {
    const thread = HashThread.#current ??= new HashThread();
    thread.#users++;
    return thread;
  }

  leave(id: number): void {
    this.#waiting.delete(id);
    this.#post({ id, close: true });
    if (--this.#users > 0) return;
    this.#worker.terminate();
    if (HashThread.#current === this) HashThread.#current = undefined;
  }

  open(path: string, algorithm: string): number {
    const id = ++this.#lastId;
    this.#post({ id, open: path, algorithm });
    return id;
  }

  advance(id: number, length: number): void {
    this.#post({ id, length, end: false });
  }

  finish(id: number, length: number): Promise<Digest> {
    if (this.#failure) return Promise.reject(this.#failure);
    const answer = Promise.withResolvers<Digest>();
    this.#waiting.set(id, answer);
    this.#post({ id, length, end: true });
    return answer.promise;
  }

  #post(request: HashRequest): void {
    this.#worker.postMessage(request);
  }

  #answered(answer: HashAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if ("digest" in answer) {
      waiting?.resolve(asDigest(answer.digest)!);
    } else if ("error" in answer) {
      const { message, code } = answer.error;
      waiting?.reject(Object.assign(new Error(message), code && { code }));
    }
  }
}
