import type { BlobHasher } from "../../oci/content_verifier.ts";
import { algorithmOf, asDigest, type Digest } from "../../oci/digest.ts";
import type { HashAnswer, HashRequest } from "./hash_messages.ts";

/** 1 MiB of new bytes after which the hashing thread is notified. */
const HASH_STEP = 1024 * 1024;

/**
 * Hashes a file in another thread while this thread is still writing it.
 *
 * The thread reads the bytes back from the file, which is cheap because they are in the page cache. So no buffer has to
 * be transferred or kept, and the hash is that of the file itself. One thread serves all files and ends with the last.
 */
export class FileHasher implements BlobHasher {
  readonly #thread = HashThread.join();
  readonly #id: number;
  #length: number;
  #announced = 0;
  #open = true;

  /** @param length bytes that the file already has */
  constructor(path: string, digest: Digest, length: number) {
    this.#length = length;
    this.#id = this.#thread.open(path, algorithmOf(digest));
    this.#announce();
  }

  /** Counts bytes that the caller will write next, and announces the ones before them to the thread. */
  update(bytes: Uint8Array): void {
    if (this.#length - this.#announced >= HASH_STEP) this.#announce();
    this.#length += bytes.length;
  }

  /**
   * Ends the hash and returns the digest of all bytes so far, which must have been written.
   * @throws Error with the operating system's code if the file cannot be read
   */
  async digest(): Promise<Digest> {
    try {
      return await this.#thread.finish(this.#id, this.#length);
    } finally {
      this.close();
    }
  }

  /** Ends the hash without a digest. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#thread.leave(this.#id);
  }

  #announce(): void {
    this.#announced = this.#length;
    this.#thread.advance(this.#id, this.#length);
  }
}

/** The hashing thread that all {@link FileHasher}s share. */
class HashThread {
  static #current: HashThread | undefined;

  readonly #worker = new Worker(new URL("./hash_worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, PromiseWithResolvers<Digest>>();
  #failure: Error | undefined;
  #users = 0;
  #lastId = 0;

  private constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<HashAnswer>) => this.#settle(data);
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

  #settle(answer: HashAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if ("digest" in answer) {
      waiting?.resolve(asDigest(answer.digest)!);
    } else if ("error" in answer) {
      const { message, code } = answer.error;
      waiting?.reject(Object.assign(new Error(message), code && { code }));
    }
  }
}
