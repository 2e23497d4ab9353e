/** A result as the transpiled script has it where it is a value. */
export type Result<T, E> =
  | { readonly tag: "ok"; readonly val: T }
  | { readonly tag: "err"; readonly val: E };

/**
 * The `err` of a host function whose result is all that it returns: the transpiled script takes it from
 * `payload`. Any other error is the host's own, and traps.
 */
export class Refused<E = unknown> extends Error {
  readonly payload: E;

  constructor(payload: E) {
    super((payload as { tag?: string } | undefined)?.tag ?? String(payload));
    this.payload = payload;
  }
}
