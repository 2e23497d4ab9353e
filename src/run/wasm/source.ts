import { freeBytes } from "../../base/bytes.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestWithWebCrypto } from "../../oci/hash.ts";
import { inspectWasm, inspectWasmFile, readWasmFile, type WasmBinary } from "./binary/inspect.ts";

/** Wasm to run. Invariant: all methods describe the same bytes. */
export interface WasmSource {
  /** Name for messages. */
  readonly name: string;
  digest(): Promise<Digest>;
  /** @throws LarderError LDR_BAD_WASM, LDR_NOT_FOUND, LDR_DISK* */
  inspect(): WasmBinary;
  /** Returns all bytes. The caller may transfer the buffer, and must not use the source afterwards. */
  read(): Uint8Array<ArrayBuffer>;
  /** Gives its memory back; it must not be used afterwards. */
  free(): void;
}

/** Wasm in the cache. */
export interface CachedWasm extends WasmSource {
  readonly path: string;
}

/** Returns a source for a blob of the cache, whose bytes have the digest as long as it exists. */
export function cachedWasm(name: string, digest: Digest, path: string): CachedWasm {
  return {
    name,
    path,
    digest: () => Promise.resolve(digest),
    inspect: () => inspectWasmFile(path, name),
    read: () => readWasmFile(path, name),
    free() {},
  };
}

/**
 * Returns a source for a file of the user, which is read only once because a build may replace it at any time.
 * @throws LarderError LDR_BAD_WASM if it is not a file, LDR_NOT_FOUND, LDR_DISK*
 */
export function wasmFile(path: string): WasmSource {
  const bytes = readWasmFile(path);
  return {
    name: path,
    digest: () => digestWithWebCrypto(bytes),
    inspect: () => inspectWasm(bytes, path),
    read: () => bytes,
    free: () => freeBytes(bytes),
  };
}
