import { createHash, type Hash } from "node:crypto";
import { toHex } from "../base/bytes.ts";
import type { Digest, DigestAlgorithm } from "./digest.ts";

/** Algorithm names of the Web Cryptography API ("Algorithm Overview"). */
const WEB_CRYPTO_NAMES = { sha256: "SHA-256", sha512: "SHA-512" } as const;

/** An incremental hash; the caller may overwrite the bytes that it passed to `update`. */
export class Hasher {
  readonly algorithm: DigestAlgorithm;
  #hash: Hash | undefined;

  constructor(algorithm: DigestAlgorithm = "sha256") {
    this.algorithm = algorithm;
  }

  update(bytes: Uint8Array): void {
    this.#opened.update(bytes);
  }

  /** Ends the hash and returns its digest; the hasher cannot be used afterwards. */
  digest(): Digest {
    return `${this.algorithm}:${this.#opened.digest("hex")}` as Digest;
  }

  /** Opened on its first use, because requests are sent before there are bytes, and `node:crypto` takes 15 ms to load. */
  get #opened(): Hash {
    return this.#hash ??= createHash(this.algorithm);
  }
}

/** Returns the digest of bytes. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  const hasher = new Hasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * Returns the digest of bytes without `node:crypto`, which Deno compiles on its first use in 10 to 20 ms: for an
 * unchanged pull, a cached run, and reading the cache, which hash nothing else.
 */
export async function digestWithWebCrypto(
  bytes: Uint8Array<ArrayBuffer>,
  algorithm: DigestAlgorithm = "sha256",
): Promise<Digest> {
  const hash = await crypto.subtle.digest(WEB_CRYPTO_NAMES[algorithm], bytes);
  return `${algorithm}:${toHex(new Uint8Array(hash))}` as Digest;
}
