import { plural } from "../base/units.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import type { Context } from "./context.ts";
import { statusLine } from "./terminal/status_line.ts";

/**
 * Reads the whole cache, and shows progress on a terminal if that takes long.
 * @param now milliseconds since the epoch
 */
export async function readCache(
  context: Context,
  now: number,
  read: typeof takeSnapshot = takeSnapshot,
): Promise<CacheSnapshot> {
  using status = statusLine(context);
  return await read(context.layout, now, {
    progressed: (entries) => status.update(() => readingText(entries)),
  });
}

/** The progress of reading the cache. */
export function readingText(entries: number): string {
  return `reading the cache: ${plural(entries, "entry", "entries")}`;
}
