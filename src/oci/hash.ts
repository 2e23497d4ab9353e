import { createHash, type Hash } from "node:crypto";
import { toHex } from "../base/bytes.ts";
import type { Digest, DigestAlgorithm } from "./digest.ts";

/** Web Cryptography API, "Algorithm Overview". */
const WEB_CRYPTO_NAMES = { sha256: "SHA-256", sha512: "SHA-512" } as const;

/** An incremental hash; the bytes passed to `update` may be overwritten afterwards. */
export class Hasher {
  readonly #hash: Hash;
  readonly #algorithm: DigestAlgorithm;

  constructor(algorithm: DigestAlgorithm = "sha256") {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Ends the hash; it cannot be used afterwards. */
  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest("hex")}` as Digest;
  }
}

/** The digest of bytes that are in memory. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  const hasher = new Hasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * As {@link digestOf}, by a thread of the runtime's: for what an unchanged pull or a cached run has to hash. Both start
 * sooner without `node:crypto`, which Deno compiles when it is first used: that takes 10 to 20 ms.
 */
export async function digestWithWebCrypto(
  bytes: Uint8Array<ArrayBuffer>,
  algorithm: DigestAlgorithm = "sha256",
): Promise<Digest> {
  const hash = await crypto.subtle.digest(WEB_CRYPTO_NAMES[algorithm], bytes);
  return `${algorithm}:${toHex(new Uint8Array(hash))}` as Digest;
}
