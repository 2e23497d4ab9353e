/** Runs with threads that fail as soon as they are told anything. */
export async function withBrokenThreads<T>(run: () => Promise<T>): Promise<T> {
  const own = globalThis.Worker;
  globalThis.Worker = class extends EventTarget {
    onerror: ((event: ErrorEvent) => void) | undefined;
    postMessage(): void {
      const event = new ErrorEvent("error", { cancelable: true, message: "broken" });
      queueMicrotask(() => this.onerror?.(event));
    }
    terminate(): void {}
  } as unknown as typeof Worker;
  try {
    return await run();
  } finally {
    globalThis.Worker = own;
  }
}
