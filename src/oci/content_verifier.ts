import { LarderError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import type { BlobDescriptor } from "./descriptor.ts";
import { algorithmOf, type Digest } from "./digest.ts";
import { Hasher } from "./hash.ts";

/** 64 GiB limit on content of unknown size, such as a disk image of which only the URL and the digest are known. */
export const MAX_UNSIZED = 64 * 1024 * 1024 * 1024;

const WRONG_CONTENT_HINT =
  "the registry, or a proxy before it, served wrong content; nothing of it was cached";

/** Digest and size that content must have; without a size the digest alone decides. */
type Expected = Pick<BlobDescriptor, "digest" | "size">;

/** Hashes a blob incrementally, in this thread or in another. */
export interface BlobHasher {
  update(bytes: Uint8Array): void;
  /** Ends the hash and returns its digest. */
  digest(): Digest | Promise<Digest>;
}

/**
 * Checks size and digest of a blob as its bytes arrive.
 *
 * Invariant: `finish` succeeds only if exactly the bytes that the descriptor promises went through `update`.
 */
export class ContentVerifier {
  readonly #expected: Expected;
  readonly #hasher: BlobHasher;
  #length: number;

  /** @param length bytes that the hasher has already hashed */
  constructor(
    expected: Expected,
    hasher: BlobHasher = new Hasher(algorithmOf(expected.digest)),
    length = 0,
  ) {
    this.#expected = expected;
    this.#hasher = hasher;
    this.#length = length;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds the next bytes; the caller may overwrite them afterwards.
   * @throws LarderError LDR_SIZE_MISMATCH as soon as there are more than expected, or than {@link MAX_UNSIZED}
   */
  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    const limit = this.#expected.size ?? MAX_UNSIZED;
    if (this.#length > limit) {
      throw sizeMismatch(this.#expected, `received more than ${formatBytes(limit)}`);
    }
    this.#hasher.update(bytes);
  }

  /** @throws LarderError LDR_SIZE_MISMATCH, LDR_DIGEST_MISMATCH */
  async finish(): Promise<void> {
    const { digest, size } = this.#expected;
    if (size !== undefined && this.#length !== size) {
      throw sizeMismatch(this.#expected, `received ${this.#length} of ${size} bytes`);
    }
    const actual = await this.#hasher.digest();
    if (actual !== digest) throw digestMismatch(digest, actual);
  }
}

/** Returns the error for content of the wrong size. */
export function sizeMismatch({ digest }: Expected, reason: string): LarderError {
  return new LarderError("LDR_SIZE_MISMATCH", `wrong size of ${digest}: ${reason}`, {
    hint: WRONG_CONTENT_HINT,
  });
}

/** Returns the error for content whose digest is not the expected one. */
export function digestMismatch(expected: Digest, actual: Digest): LarderError {
  return new LarderError(
    "LDR_DIGEST_MISMATCH",
    `wrong content for ${expected}: its digest is ${actual}`,
    {
      hint: WRONG_CONTENT_HINT,
    },
  );
}
