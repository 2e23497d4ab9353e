import { inspect } from "node:util";

/** Milliseconds after which a condition that does not hold fails the test. */
const TIME_LIMIT = 60_000;
/** Milliseconds between two checks of a condition. */
const PAUSE = 5;

/** Waits for an event; fails if `work`, which should cause it, ends before. */
export async function before(event: Promise<void>, work: Promise<unknown>): Promise<void> {
  const ended = work.then((result) => {
    throw new Error(`ended before the event that the test waits for: ${inspect(result)}`);
  });
  await Promise.race([event, ended]);
}

/** Waits until a condition holds; fails if `work`, which should cause it, ends before. */
export async function until(
  condition: () => boolean,
  work: Promise<unknown> = new Promise(() => {}),
): Promise<void> {
  const stop = new AbortController();
  try {
    await before(poll(condition, stop.signal), work);
  } finally {
    stop.abort();
  }
}

async function poll(condition: () => boolean, stop: AbortSignal): Promise<void> {
  const last = performance.now() + TIME_LIMIT;
  while (!stop.aborted && !condition()) {
    if (performance.now() > last) {
      throw new Error(`the condition did not hold within ${TIME_LIMIT / 1000} s: ${condition}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
