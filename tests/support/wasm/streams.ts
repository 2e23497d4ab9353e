import { WasiError } from "../../../src/run/wasi/errors.ts";

/** Whether an error is the one of a stream that a guest sees, for `assert.throws` and `assert.rejects`. */
export function streamError(tag: "closed" | "last-operation-failed"): (error: unknown) => boolean {
  return refusedWith((payload) => (payload as { tag: string }).tag === tag);
}

/** Whether an error is one that a guest sees, with what it sees. */
export function refusedWith(matches: (payload: unknown) => boolean): (error: unknown) => boolean {
  return (error) => error instanceof WasiError && matches(error.payload);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
