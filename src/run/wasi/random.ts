import { trap } from "./errors.ts";

/** The most random bytes that a component gets at once, of which the host makes a list. */
export const GUEST_RANDOM = 64 * 1024 * 1024;

/** `crypto.getRandomValues` fills no more than this at a time. */
const RANDOM_STEP = 65_536;

/** Random bytes of the cryptographic kind; a guest that asks for too many at once traps. */
export function randomBytes(length: bigint): Uint8Array {
  if (length > GUEST_RANDOM) trap(`more than ${GUEST_RANDOM} random bytes were asked for at once`);
  const bytes = new Uint8Array(Number(length));
  fillRandom(bytes);
  return bytes;
}

/** Fills a place of any size, be it shared or not, with random bytes of the cryptographic kind. */
export function fillRandom(place: Uint8Array): void {
  const step = new Uint8Array(Math.min(place.length, RANDOM_STEP));
  for (let at = 0; at < place.length; at += step.length) {
    const part = step.subarray(0, place.length - at);
    place.set(crypto.getRandomValues(part), at);
  }
}

function randomU64(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}

/** `wasi:random`; what may be insecure is as good as the rest. */
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
