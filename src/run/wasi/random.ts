import { trap } from "./errors.ts";

/** 64 MiB limit on the random bytes of one call, because the host allocates them. */
export const MAX_RANDOM_BYTES = 64 * 1024 * 1024;

/** The most bytes that one call of `crypto.getRandomValues` fills. */
const CHUNK_SIZE = 65_536;

/** Returns cryptographically secure random bytes. Traps above {@link MAX_RANDOM_BYTES}. */
export function randomBytes(length: bigint): Uint8Array {
  if (length > MAX_RANDOM_BYTES) {
    trap(`more than ${MAX_RANDOM_BYTES} random bytes were requested at once`);
  }
  const bytes = new Uint8Array(Number(length));
  fillRandom(bytes);
  return bytes;
}

/** Fills a buffer of any size, shared or not, with cryptographically secure random bytes. */
export function fillRandom(buffer: Uint8Array): void {
  const chunk = new Uint8Array(Math.min(buffer.length, CHUNK_SIZE));
  for (let offset = 0; offset < buffer.length; offset += chunk.length) {
    const part = chunk.subarray(0, buffer.length - offset);
    buffer.set(crypto.getRandomValues(part), offset);
  }
}

export function randomU64(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}

/** `wasi:random`; the `insecure` interfaces use the secure generator too. */
export function randomImports(): Record<string, object> {
  return {
    "wasi:random/random": { getRandomBytes: randomBytes, getRandomU64: randomU64 },
    "wasi:random/insecure": {
      getInsecureRandomBytes: randomBytes,
      getInsecureRandomU64: randomU64,
    },
    "wasi:random/insecure-seed": { insecureSeed: () => [randomU64(), randomU64()] },
  };
}
