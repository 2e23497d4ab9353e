/** WIT's `result` as transpiled code passes it where it is a value. */
export type Result<T, E> =
  | { readonly tag: "ok"; readonly val: T }
  | { readonly tag: "err"; readonly val: E };

/**
 * The `err` case of a host function that returns a `result`; transpiled code reads it from `payload`. Any other
 * error that a host function throws traps the guest.
 */
export class WasiError<E = unknown> extends Error {
  readonly payload: E;

  constructor(payload: E) {
    // It is a result, at the end of each body for example, and V8 takes 10 µs to record calls that are not shown.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super((payload as { tag?: string } | undefined)?.tag ?? String(payload));
    Error.stackTraceLimit = stackTraceLimit;
    this.payload = payload;
  }
}

/** A module with one function, `t`, whose body is `unreachable`. */
// deno-fmt-ignore
const UNREACHABLE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic number and version
  0x01, 0x04, 0x01, 0x60, 0x00, 0x00, // one type: no parameters, no results
  0x03, 0x02, 0x01, 0x00, // one function of that type
  0x07, 0x05, 0x01, 0x01, 0x74, 0x00, 0x00, // exported as "t"
  0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b, // its code
  // its name in backtraces, "larder"
  0x00, 0x10, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x01, 0x09, 0x01, 0x00, 0x06, 0x6c, 0x61, 0x72, 0x64, 0x65, 0x72,
]);

let unreachable: (() => void) | undefined;

/** Traps the calling guest: throws {@link trapError}. */
export function trap(message: string): never {
  throw trapError(message);
}

/**
 * Returns an error that traps the guest it is thrown into.
 *
 * A guest's exception handlers catch anything that JavaScript throws, and the guest would continue. They do not
 * catch what WebAssembly itself throws, so this is the error of a real `unreachable` with another message.
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

/** Returns the trap for a call or a wait of an instance that has ended. */
export function instanceEnded(): Error {
  return trapError("the instance has ended");
}
