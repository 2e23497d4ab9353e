import type { Content } from "../file_state.ts";
import { LOOK_AHEAD_FROM } from "../../base/defaults.ts";
import { LazyContent } from "../contents.ts";
import type { LookAnswer, LookRequest } from "./stat_worker.ts";

/**
 * Looks at content that somebody is about to ask about, half of it in a thread: to look at fifty thousand files, one by
 * one, takes longer than to decide which of them go.
 *
 * What the thread cannot look at is looked at when it is asked about, as without this.
 *
 * @param from so many pieces are worth a thread
 */
export async function lookAhead(
  contents: readonly Content[],
  from = LOOK_AHEAD_FROM,
): Promise<void> {
  const unknown = contents.filter((content) => content instanceof LazyContent)
    .filter(({ isLookedAt }) => !isLookedAt);
  if (unknown.length < from) return;
  const middle = Math.ceil(unknown.length / 2);
  const theirs = unknown.slice(middle);
  const looking = lookInThread(theirs);
  for (const content of unknown.slice(0, middle)) void content.mtime;
  const answer = await looking;
  if (!answer) return;
  let place = 0;
  const next = () => ({ size: answer[place++]!, mtime: answer[place++]! });
  for (const content of theirs) {
    const states = content.paths.map(next);
    content.remember(states.map((state) => Number.isNaN(state.size) ? undefined : state));
  }
}

/** Undefined where the thread fails. */
async function lookInThread(contents: readonly LazyContent[]): Promise<LookAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<LookAnswer | undefined>();
  const worker = new Worker(new URL("./stat_worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<LookAnswer>) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    resolve(undefined);
  };
  // Put together while the thread starts.
  const paths: LookRequest = contents.flatMap(({ paths }) => paths);
  worker.postMessage(paths);
  try {
    return await promise;
  } finally {
    worker.terminate();
  }
}
