import { formatBytes } from "../../base/units.ts";
import type { Context } from "../context.ts";

/** Shows how far something has come, on a terminal's stderr. */
export interface Gauge extends Disposable {
  /** Adds to what there is to do. */
  grow(amount: number): void;
  advance(amount: number): void;
}

/** For where there is no terminal, and for who wants quiet. */
const NOTHING: Gauge = { grow() {}, advance() {}, [Symbol.dispose]() {} };

/** Counts things. @param noun what is counted, as `tags asked about` */
export function countingGauge(context: Context, noun: string): Promise<Gauge> {
  return gaugeFor(context, (done, total) => `${done} of ${total} ${noun}`);
}

/** Counts bytes. */
export function bytesGauge(context: Context): Promise<Gauge> {
  return gaugeFor(context, (done, total) => `${formatBytes(done)} of ${formatBytes(total)}`);
}

async function gaugeFor(
  context: Context,
  text: (done: number, total: number) => string,
): Promise<Gauge> {
  const { quiet, progress } = context.options;
  if (quiet || !progress || !Deno.stderr.isTerminal()) return NOTHING;
  const { barGauge } = await import("./gauge_bar.ts");
  return barGauge(text);
}
