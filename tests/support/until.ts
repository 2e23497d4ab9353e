import { inspect } from "node:util";

/** A condition that does not hold by then never will, and the tests have to end. */
const GIVEN_UP = 60_000;
const PAUSE = 5;

/** Waits for an event; it is an error if `work`, which is to bring it about, ends before. */
export async function before(event: Promise<void>, work: Promise<unknown>): Promise<void> {
  const ended = work.then((result) => {
    throw new Error(`it ended before what the test waits for: ${inspect(result)}`);
  });
  await Promise.race([event, ended]);
}

/** Waits until a condition holds; it is an error if `work`, which is to bring that about, ends before. */
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
  const last = performance.now() + GIVEN_UP;
  while (!stop.aborted && !condition()) {
    if (performance.now() > last) throw new Error(`waited in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
