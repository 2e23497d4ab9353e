import process from "node:process";
import { MultiBar, Presets, SingleBar } from "cli-progress";
import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, shortDigest } from "../../oci/digest.ts";

/** A bar and how far it has come, in bytes. */
interface LayerBar {
  readonly bar: SingleBar;
  readonly size: number;
  done: number;
}

/** One bar for each layer under way and one for all, on a terminal's stderr. */
export class Bars {
  readonly #layers = new Map<Digest, LayerBar>();
  readonly #multi: MultiBar;
  readonly #total: LayerBar;

  constructor(parts: readonly Descriptor[]) {
    this.#multi = new MultiBar({
      stream: process.stderr,
      format: "{name} {bar} {percentage}% {amount}",
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false, // Ctrl-C is the command's to handle.
    }, Presets.shades_classic);
    this.#total = this.#create("total", parts.reduce((sum, part) => sum + part.size, 0));
  }

  started(part: Descriptor, offset: number): void {
    const layer = this.#layers.get(part.digest) ??
      this.#create(shortDigest(part.digest), part.size);
    this.#layers.set(part.digest, layer);
    this.#advance(layer, offset - layer.done);
  }

  progressed(part: Descriptor, bytes: number): void {
    const layer = this.#layers.get(part.digest);
    if (layer) this.#advance(layer, bytes);
  }

  finished(part: Descriptor): void {
    const layer = this.#layers.get(part.digest);
    this.#advance(this.#total, part.size - (layer?.done ?? 0));
    if (!layer) return;
    this.#multi.remove(layer.bar);
    this.#layers.delete(part.digest);
  }

  /** Prints a line above the bars. */
  note(message: string): void {
    this.#multi.log(`${message}\n`);
  }

  end(): void {
    this.#multi.stop();
  }

  #create(name: string, size: number): LayerBar {
    const amount = `${formatBytes(0)} of ${formatBytes(size)}`;
    const bar = this.#multi.create(Math.max(size, 1), 0, { name: name.padEnd(12), amount });
    return { bar, size, done: 0 };
  }

  #advance(gauge: LayerBar, bytes: number): void {
    gauge.done += bytes;
    gauge.bar.update(gauge.done, {
      amount: `${formatBytes(gauge.done)} of ${formatBytes(gauge.size)}`,
    });
    if (gauge !== this.#total) this.#advance(this.#total, bytes);
  }
}

/** Shows how far something has come, on a terminal's stderr. */
export interface Gauge extends Disposable {
  /** Adds to what there is to do. */
  grow(amount: number): void;
  advance(amount: number): void;
}

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
