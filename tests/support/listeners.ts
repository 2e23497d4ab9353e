/** An abort signal that counts its listeners, of which none should remain after an operation. */
export class WatchedAbort {
  readonly #controller = new AbortController();
  #listeners = 0;

  constructor() {
    const { signal } = this.#controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      this.#listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      this.#listeners--;
      remove(...args);
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get listeners(): number {
    return this.#listeners;
  }

  abort(): void {
    this.#controller.abort();
  }
}
