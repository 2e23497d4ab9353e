/** A result as the transpiled script has it where it is a value. */
export type Result<T, E> =
  | { readonly tag: "ok"; readonly val: T }
  | { readonly tag: "err"; readonly val: E };

/**
 * The `err` of a host function whose result is all that it returns: the transpiled script takes it from
 * `payload`. Any other error is the host's own, and traps.
 */
export class WasiError<E = unknown> extends Error {
  readonly payload: E;

  constructor(payload: E) {
    super((payload as { tag?: string } | undefined)?.tag ?? String(payload));
    this.payload = payload;
  }
}

/** A module whose one function, `t`, is `unreachable`. */
// deno-fmt-ignore
const UNREACHABLE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic number and version
  0x01, 0x04, 0x01, 0x60, 0x00, 0x00, // one type: no parameters, no results
  0x03, 0x02, 0x01, 0x00, // one function of it
  0x07, 0x05, 0x01, 0x01, 0x74, 0x00, 0x00, // exported as "t"
  0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b, // its code
]);

let unreachable: (() => void) | undefined;

/** Ends the guest that called, with a trap: throws what {@link trapError} makes. */
export function trap(message: string): never {
  throw trapError(message);
}

/**
 * What ends a guest that it is thrown into.
 *
 * A guest's own exception handlers catch what JavaScript throws, and would let it go on: only what WebAssembly
 * itself throws gets past them. So that is what this is, with another message.
 */
export function trapError(message: string): Error {
  unreachable ??= new WebAssembly.Instance(new WebAssembly.Module(UNREACHABLE)).exports
    .t as () => void;
  let error: unknown;
  try {
    unreachable();
  } catch (caught) {
    error = caught;
  }
  return Object.assign(error as Error, { message });
}
