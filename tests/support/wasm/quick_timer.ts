/** How many times as fast a {@link quickTimer} is. The guests' threads must still keep up with it on a slow machine. */
const FACTOR = 5;

/** Until it is disposed, timers of this kind that are to take `usual` milliseconds take a fifth of that. */
export function quickTimer(kind: "setTimeout" | "setInterval", usual: number): Disposable {
  const own = globalThis[kind];
  const quick = (handler: () => void, delay?: number) =>
    own(handler, delay === usual ? usual / FACTOR : delay);
  Object.assign(globalThis, { [kind]: quick });
  return { [Symbol.dispose]: () => void Object.assign(globalThis, { [kind]: own }) };
}
