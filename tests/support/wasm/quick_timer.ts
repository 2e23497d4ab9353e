/** Factor by which a {@link quickTimer} is faster; low enough for the guests' threads to keep up on a slow machine. */
const FACTOR = 5;

/** Shortens timers of `usual` milliseconds to a fifth until it is disposed of. */
export function quickTimer(kind: "setTimeout" | "setInterval", usual: number): Disposable {
  return replaceTimer(
    kind,
    (own, handler, delay) => own(handler, delay === usual ? usual / FACTOR : delay),
  );
}

/**
 * Shortens intervals of `usual` milliseconds to a fifth until it is disposed of, from the moment when `isQuick` is true:
 * what comes before may take as long as it does on a slow machine.
 */
export function quickInterval(usual: number, isQuick: () => boolean): Disposable {
  return replaceTimer("setInterval", (own, handler, delay) => {
    if (delay !== usual) return own(handler, delay);
    let ticks = 0;
    return own(() => {
      if (++ticks % FACTOR === 0 || isQuick()) handler();
    }, usual / FACTOR);
  });
}

type Timer = (handler: () => void, delay?: number) => number;

function replaceTimer(
  kind: "setTimeout" | "setInterval",
  set: (own: Timer, handler: () => void, delay?: number) => number,
): Disposable {
  const own = globalThis[kind];
  const quick: Timer = (handler, delay) => set(own as unknown as Timer, handler, delay);
  Object.assign(globalThis, { [kind]: quick });
  return { [Symbol.dispose]: () => void Object.assign(globalThis, { [kind]: own }) };
}
