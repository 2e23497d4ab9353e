import process from "node:process";
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, shortDigest } from "../../oci/digest.ts";

/** A bar and how far it has come, in bytes. */
interface Gauge {
  readonly bar: SingleBar;
  readonly size: number;
  done: number;
}

/** One bar for each layer under way and one for all, on a terminal's stderr. */
export class Bars {
  readonly #layers = new Map<Digest, Gauge>();
  readonly #multi: MultiBar;
  readonly #total: Gauge;

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

  #create(name: string, size: number): Gauge {
    const amount = `${formatBytes(0)} of ${formatBytes(size)}`;
    const bar = this.#multi.create(Math.max(size, 1), 0, { name: name.padEnd(12), amount });
    return { bar, size, done: 0 };
  }

  #advance(gauge: Gauge, bytes: number): void {
    gauge.done += bytes;
    gauge.bar.update(gauge.done, {
      amount: `${formatBytes(gauge.done)} of ${formatBytes(gauge.size)}`,
    });
    if (gauge !== this.#total) this.#advance(this.#total, bytes);
  }
}
