import { instanceEnded } from "../errors.ts";

/**
 * The task of the one call of an instance. The generated script reports through it how the task ends, and asks it
 * whether to wait on (`engine/adaptations/adapt_scripts.ts`).
 */
export class GuestTask {
  #hasExited = false;
  #hasFailed = false;
  readonly #ended = Promise.withResolvers<void>();
  readonly #transfers = new Set<Promise<unknown>>();

  constructor() {
    this.#ended.promise.catch(() => {});
  }

  /** Resolves when the task has ended, which may be after its call has returned; rejects with its trap. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * Called by the script while the host waits to read. True if nothing more will be written; what was written before
   * can still be read.
   * @param writer the guest may pass on a stream of the host, which outlives its task
   */
  isOver(writer: "guest" | "host"): boolean {
    return this.#hasFailed || (this.#hasExited && writer === "guest");
  }

  /** Called by the script when the called task has ended. */
  exited(): void {
    this.#hasExited = true;
    this.#ended.resolve();
  }

  /** Called by the script when a task of the instance has trapped. */
  failed(error: unknown): void {
    this.#hasFailed = true;
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
    this.#hasExited = true;
    await this.transferred();
  }

  /** Resolves once all transfers have ended; never rejects. */
  async transferred(): Promise<void> {
    while (this.#transfers.size > 0) await Promise.all(this.#transfers);
  }
}
