import { WasiError } from "../../../src/run/wasi/errors.ts";

/** Returns a matcher for a stream-error, for `assert.throws` and `assert.rejects`. */
export function streamError(tag: "closed" | "last-operation-failed"): (error: unknown) => boolean {
  return wasiError((payload) => (payload as { tag: string }).tag === tag);
}

/** Returns a matcher for a WasiError by its payload. */
export function wasiError(matches: (payload: unknown) => boolean): (error: unknown) => boolean {
  return (error) => error instanceof WasiError && matches(error.payload);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
