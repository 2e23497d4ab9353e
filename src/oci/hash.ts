import { createHash, type Hash } from "node:crypto";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "../base/bytes.ts";
import type { Digest, DigestAlgorithm } from "./digest.ts";

/** Algorithm names of the Web Cryptography API ("Algorithm Overview"). */
const WEB_CRYPTO_NAMES = { sha256: "SHA-256", sha512: "SHA-512" } as const;

/** An incremental hash; the caller may overwrite the bytes that it passed to `update`. */
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

  /** Ends the hash and returns its digest; the hasher cannot be used afterwards. */
  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest("hex")}` as Digest;
  }
}

/**
 * Bytes that are hashed without `node:crypto`, which Deno compiles on its first use in 13 to 22 ms. That is the time of
 * 1,000 manifests, so it pays for a cache of more.
 */
const WITHOUT_NODE = 1024 * 1024;
let hashedWithoutNode = 0;

/** Returns the digest of bytes. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  if (algorithm === "sha256" && hashedWithoutNode + bytes.length <= WITHOUT_NODE) {
    hashedWithoutNode += bytes.length;
    return `sha256:${toHex(sha256(bytes))}` as Digest;
  }
  const hasher = new Hasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * Returns the digest of bytes without `node:crypto`, which Deno compiles on its first use in 10 to 20 ms: for an
 * unchanged pull and a cached run, which hash nothing else.
 */
export async function digestWithWebCrypto(
  bytes: Uint8Array<ArrayBuffer>,
  algorithm: DigestAlgorithm = "sha256",
): Promise<Digest> {
  const hash = await crypto.subtle.digest(WEB_CRYPTO_NAMES[algorithm], bytes);
  return `${algorithm}:${toHex(new Uint8Array(hash))}` as Digest;
}
