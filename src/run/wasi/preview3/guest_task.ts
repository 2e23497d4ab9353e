import { instanceEnded } from "../errors.ts";

/**
 * The task of the one call of an instance. The generated script reports through it how the task ends, and asks it
 * whether to wait on (`engine/adapt_scripts.ts`).
 */
export class GuestTask {
  /** True if the guest will neither write nor read any more. What it wrote before can still be read. */
  hasEnded = false;
  readonly #ended = Promise.withResolvers<void>();
  readonly #transfers = new Set<Promise<unknown>>();

  constructor() {
    this.#ended.promise.catch(() => {});
  }

  /** Resolves when the task has ended, which may be after its call has returned; rejects with its trap. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Called by the script when the called task has ended. */
  exited(): void {
    this.hasEnded = true;
    this.#ended.resolve();
  }

  /** Called by the script when a task of the instance has trapped. */
  failed(error: unknown): void {
    this.hasEnded = true;
    this.#ended.reject(error);
  }

  /** Ends the waits of the host for the guest. */
  stop(): void {
    this.failed(instanceEnded());
  }

  /** Registers a transfer between a stream of the guest and the host. */
  track<T>(transfer: Promise<T>): Promise<T> {
    const tracked = transfer.then(() => {}, () => {}).then(() => {
      this.#transfers.delete(tracked);
    });
    this.#transfers.add(tracked);
    return transfer;
  }

  /** Ends the waits of the host for the guest, and resolves once it has read everything that the guest wrote. */
  async end(): Promise<void> {
    this.hasEnded = true;
    await this.transferred();
  }

  /** Resolves once all transfers have ended; never rejects. */
  async transferred(): Promise<void> {
    while (this.#transfers.size > 0) await Promise.all(this.#transfers);
  }
}
