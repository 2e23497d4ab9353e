import type { Descriptor } from "../../../src/oci/descriptor.ts";
import type { DigestAlgorithm } from "../../../src/oci/digest.ts";
import { digestOf } from "../../../src/oci/hash.ts";

/** Returns the descriptor of bytes. */
export function describe(
  bytes: Uint8Array,
  mediaType = "application/vnd.oci.image.layer.v1.tar",
  algorithm: DigestAlgorithm = "sha256",
): Descriptor {
  return { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length };
}

/** Returns pseudo-random bytes, so that a shifted or repeated chunk is noticed. */
export function sampleBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed; i < length; i++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    bytes[i] = state >> 16;
  }
  return bytes;
}

/** Returns the names in a folder, sorted; none if the folder does not exist. */
export function filesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
