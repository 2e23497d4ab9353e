import process from "node:process";
// Not imported where it is needed: bundled, this package has its names only for who imports it so.
import { Presets, SingleBar } from "cli-progress";
import type { Gauge } from "./gauge.ts";

/** A gauge as a bar. @param text what stands beside the bar */
export function barGauge(text: (done: number, total: number) => string): Gauge {
  const bar = new SingleBar({
    stream: process.stderr,
    format: "{bar} {percentage}% {text}",
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // Ctrl-C is the command's to handle.
  }, Presets.shades_classic);
  let [done, total] = [0, 0];
  return {
    grow(amount) {
      if (total === 0 && amount > 0) bar.start(amount, 0, { text: text(0, amount) });
      total += amount;
      bar.setTotal(total);
    },
    advance(amount) {
      done += amount;
      bar.update(done, { text: text(done, total) });
    },
    [Symbol.dispose]() {
      bar.stop();
    },
  };
}
