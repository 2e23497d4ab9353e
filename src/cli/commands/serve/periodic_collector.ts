import { messageOf } from "../../../base/errors.ts";
import type { Context } from "../../context.ts";
import { collectAfterFetch } from "../gc/auto.ts";

/** Milliseconds from a download to the check of the limits, which all downloads meanwhile share. */
const DELAY = 30_000;

/** Keeps the cache of a server within the configured limits, which a command does when it ends. */
export class PeriodicCollector implements Disposable {
  readonly #context: Context;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Asks for a check, because something was fetched. */
  request(): void {
    this.#timer ??= setTimeout(() => this.#run(), DELAY);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    try {
      await collectAfterFetch(this.#context);
    } catch (error) {
      this.#context.warn(`automatic gc failed: ${messageOf(error)}`);
    }
    this.#timer = undefined;
  }
}
