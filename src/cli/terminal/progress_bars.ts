import process from "node:process";
import { MultiBar, Presets, SingleBar } from "cli-progress";
import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, shortDigest } from "../../oci/digest.ts";

const BAR_OPTIONS = {
  stream: process.stderr,
  barsize: 30,
  hideCursor: true,
  clearOnComplete: true,
  gracefulExit: false, // The command handles Ctrl-C.
};

/** A bar with its progress in bytes. */
interface ByteBar {
  readonly bar: SingleBar;
  readonly size: number;
  done: number;
}

/** Shows one bar per layer in transfer and one for the total, on stderr. */
export class PullBars {
  readonly #layers = new Map<Digest, ByteBar>();
  readonly #multi: MultiBar;
  readonly #total: ByteBar;

  constructor(parts: readonly Descriptor[]) {
    this.#multi = new MultiBar(
      { ...BAR_OPTIONS, format: "{name} {bar} {percentage}% {amount}" },
      Presets.shades_classic,
    );
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

  #create(name: string, size: number): ByteBar {
    const amount = `${formatBytes(0)} of ${formatBytes(size)}`;
    const bar = this.#multi.create(Math.max(size, 1), 0, { name: name.padEnd(12), amount });
    return { bar, size, done: 0 };
  }

  #advance(bar: ByteBar, bytes: number): void {
    bar.done += bytes;
    bar.bar.update(bar.done, { amount: `${formatBytes(bar.done)} of ${formatBytes(bar.size)}` });
    if (bar !== this.#total) this.#advance(this.#total, bytes);
  }
}

/** Shows how much of a growing total is done. */
export interface ProgressCounter extends Disposable {
  addTotal(amount: number): void;
  advance(amount: number): void;
}

/** Returns a counter drawn as a bar on stderr. @param text formats the text beside the bar */
export function counterBar(text: (done: number, total: number) => string): ProgressCounter {
  const bar = new SingleBar(
    { ...BAR_OPTIONS, format: "{bar} {percentage}% {text}" },
    Presets.shades_classic,
  );
  let [done, total] = [0, 0];
  return {
    addTotal(amount) {
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
