import { trap } from "./errors.ts";

/** So many open files, requests and timers one instance of a guest may have. */
export const GUEST_RESOURCES = 4096;

/**
 * What one instance of a guest holds on the host: open files, requests, timers. A guest need not give any of it
 * back, so it is let go of when the instance ends.
 */
export class InstanceResources implements Disposable {
  readonly #held = new Set<Disposable>();
  #ended = false;
  #exitCode: number | undefined;

  /** What the guest said on its way out; undefined for one that did not ask to be ended. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Whether the guest holds as much as it may. */
  get isFull(): boolean {
    return this.#held.size >= GUEST_RESOURCES;
  }

  /** Keeps something until it is released, or the instance ends. Traps where it has ended, or holds too much. */
  hold(resource: Disposable): void {
    if (!this.#ended && !this.isFull) return void this.#held.add(resource);
    resource[Symbol.dispose]();
    trap(this.#ended ? "the instance has ended" : "the guest keeps too much open");
  }

  /** Says that something has been let go of. */
  release(resource: Disposable): void {
    this.#held.delete(resource);
  }

  /** Ends the guest as `exit` does. */
  exit(code: number): never {
    this.#exitCode = code;
    trap(`the guest has exited with ${code}`);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    for (const resource of this.#held) resource[Symbol.dispose]();
    this.#held.clear();
  }
}
