import { instanceEnded, trap, trapError } from "./errors.ts";

/** Open files, requests and timers that one instance of a guest may hold. */
export const MAX_RESOURCES = 4096;

/**
 * The open files, requests and timers that one instance of a guest holds on the host. A guest may exit without
 * dropping them, so all of them are disposed of when the instance ends.
 */
export class InstanceResources implements Disposable {
  readonly #held = new Set<Disposable>();
  #hasEnded = false;
  #isRenewable = true;
  #exitCode: number | undefined;

  /** The code that the guest passed to `exit`; undefined if it did not call it. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** True if the guest holds {@link MAX_RESOURCES}. */
  get isFull(): boolean {
    return this.#held.size >= MAX_RESOURCES;
  }

  /** Holds a resource until it is released or the instance ends. Traps if the instance has ended or is full. */
  hold(resource: Disposable): void {
    if (!this.#hasEnded && !this.isFull) return void this.#held.add(resource);
    resource[Symbol.dispose]();
    throw this.#hasEnded
      ? instanceEnded()
      : trapError(`the guest holds more than ${MAX_RESOURCES} resources`);
  }

  /** Forgets a resource that the caller has disposed of or is about to. */
  release(resource: Disposable): void {
    this.#held.delete(resource);
  }

  /** False if the host keeps more of the instance than what it holds here. */
  get isRenewable(): boolean {
    return this.#isRenewable;
  }

  /** Excludes that the instance is used again. */
  retire(): void {
    this.#isRenewable = false;
  }

  /** Begins again for another call of an instance that has ended. */
  renew(): void {
    this.#hasEnded = false;
    this.#exitCode = undefined;
  }

  /** Traps the guest and records the exit code. */
  exit(code: number): never {
    this.#exitCode = code;
    trap(`the guest has exited with ${code}`);
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    for (const resource of this.#held) resource[Symbol.dispose]();
    this.#held.clear();
  }
}
