import { LarderError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import type { BlobDescriptor } from "./descriptor.ts";
import { algorithmOf, type Digest } from "./digest.ts";
import { Hasher } from "./hash.ts";

/** The largest download whose size nobody told beforehand: a component that a Spin manifest names by URL. */
export const MAX_UNSIZED = 4 * 1024 * 1024 * 1024;

/** What content is checked against; without a size the digest alone decides. */
type Expected = Pick<BlobDescriptor, "digest" | "size">;

/** What hashes a blob: in this thread as its bytes pass, or in another. */
export interface BlobHasher {
  update(bytes: Uint8Array): void;
  /** Ends the hash. */
  digest(): Digest | Promise<Digest>;
}

/**
 * Checks size and digest of a blob as its bytes pass.
 *
 * Invariant: `finish` returns only if exactly the descriptor's bytes went through `update`.
 */
export class ContentVerifier {
  readonly #descriptor: Expected;
  readonly #hasher: BlobHasher;
  #length: number;

  /** @param length the bytes that the hasher has seen already */
  constructor(
    descriptor: Expected,
    hasher: BlobHasher = new Hasher(algorithmOf(descriptor.digest)),
    length = 0,
  ) {
    this.#descriptor = descriptor;
    this.#hasher = hasher;
    this.#length = length;
  }

  /** Bytes seen. */
  get length(): number {
    return this.#length;
  }

  /**
   * Takes the next bytes; they may be overwritten afterwards.
   * @throws LarderError LDR_SIZE_MISMATCH as soon as there are more than the descriptor says, or than content of
   * unknown size may have
   */
  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    const limit = this.#descriptor.size ?? MAX_UNSIZED;
    if (this.#length > limit) {
      throw sizeMismatch(this.#descriptor, `more than ${formatBytes(limit)} came`);
    }
    this.#hasher.update(bytes);
  }

  /** @throws LarderError LDR_SIZE_MISMATCH, LDR_DIGEST_MISMATCH */
  async finish(): Promise<void> {
    const { digest, size } = this.#descriptor;
    if (size !== undefined && this.#length !== size) {
      throw sizeMismatch(this.#descriptor, `${this.#length} of ${size} bytes came`);
    }
    const actual = await this.#hasher.digest();
    if (actual !== digest) throw digestMismatch(digest, actual);
  }
}

/** The error for content of the wrong length. */
export function sizeMismatch(descriptor: Expected, what: string): LarderError {
  return new LarderError("LDR_SIZE_MISMATCH", `wrong size of ${descriptor.digest}: ${what}`, {
    hint: "the registry, or something between, serves wrong content; nothing of it was kept",
  });
}

/** The error for content that is not what its digest says. */
export function digestMismatch(expected: Digest, actual: Digest): LarderError {
  return new LarderError("LDR_DIGEST_MISMATCH", `wrong content for ${expected}: got ${actual}`, {
    hint: "the registry, or something between, serves wrong content; nothing of it was kept",
  });
}
