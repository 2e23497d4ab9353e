import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { inspectWasm, inspectWasmFile, readWasmFile, type WasmBinary } from "./inspect.ts";

/** A piece of Wasm that is to be run. Whatever is asked of it is of the same bytes. */
export interface WasmSource {
  /** What it is called in messages. */
  readonly name: string;
  digest(): Digest;
  /** @throws LarderError LDR_BAD_WASM, LDR_NOT_FOUND, LDR_DISK* */
  inspect(): WasmBinary;
  /** All of it; who asks may take the buffer away, and asks no more then. */
  read(): Uint8Array<ArrayBuffer>;
}

/** Wasm in the cache. */
export interface CachedWasm extends WasmSource {
  readonly path: string;
}

/** A blob of the cache, whose bytes are those of its digest as long as it is there. */
export function cachedWasm(name: string, digest: Digest, path: string): CachedWasm {
  return {
    name,
    path,
    digest: () => digest,
    inspect: () => inspectWasmFile(path, name),
    read: () => readWasmFile(path, name),
  };
}

/**
 * A file of the user's, read once: a build may replace it at any time.
 * @throws LarderError LDR_BAD_WASM for what is no file, LDR_NOT_FOUND, LDR_DISK*
 */
export function wasmFile(path: string): WasmSource {
  const bytes = readWasmFile(path);
  return {
    name: path,
    digest: () => digestOf(bytes),
    inspect: () => inspectWasm(bytes, path),
    read: () => bytes,
  };
}
