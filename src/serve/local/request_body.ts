import type { Clock } from "../../base/concurrency.ts";
import { type ApiCode, ApiError } from "../errors.ts";

/**
 * 30 seconds; a request of which nothing arrives from one tick to the next but one is given up. The connection of a
 * client that has lost its network is otherwise kept for ever, and so is its place among the requests under way.
 */
export const STALL_TICK = 30_000;

/**
 * Returns the chunks of the body of a request.
 * @param code of the error
 * @throws ApiError if the body breaks off, or nothing arrives for {@link STALL_TICK} or twice that
 */
export async function* chunksOf(
  { body }: Request,
  code: ApiCode,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  const ended = new AbortController();
  let ticks: number | undefined;
  let isStalled = false;
  const watch = async () => {
    while (!isStalled) {
      await clock.sleep(STALL_TICK, ended.signal);
      // Unless a chunk is being written meanwhile.
      if (ticks !== undefined) isStalled = ++ticks === 2;
    }
    await reader.cancel();
  };
  watch().catch(() => {}); // It has ended, or broken off.
  try {
    for (;;) {
      ticks = 0;
      const { value } = await reader.read().catch(() => {
        throw new ApiError(400, code, "the request broke off");
      });
      ticks = undefined;
      if (isStalled) throw new ApiError(408, code, "nothing has arrived for too long");
      if (!value) return;
      yield value;
    }
  } finally {
    ended.abort();
  }
}
