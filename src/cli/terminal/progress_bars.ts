import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, shortDigest } from "../../oci/digest.ts";
import { barLine, type WindowSize } from "./bar_line.ts";
import { LiveLines } from "./live_lines.ts";
import { RateMeter } from "./rate_meter.ts";

/** Lines of the window that the bars leave free, for the command line and a message. */
const FREE_LINES = 2;

/**
 * Part of the window that the bars take. A terminal that is made smaller may wrap the lines, and what then leaves the
 * window at its top cannot be erased any more. For the same reason the bars of layers have 40 columns at most.
 */
const SHARE_OF_WINDOW = 1 / 3;

/** Columns of the bar of a layer. */
const LAYER_BAR = 10;

/** Width of a short digest. */
const NAME_WIDTH = 12;

/** Progress in bytes. */
interface Progress {
  readonly name: string;
  readonly size: number;
  done: number;
}

/** Shows one bar per layer in transfer and one for the total, on stderr. */
export class PullBars {
  readonly #layers = new Map<Digest, Progress>();
  readonly #total: Progress;
  readonly #rate: RateMeter;
  readonly #screen: LiveLines;

  constructor(parts: readonly Descriptor[], now: () => number = Date.now) {
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    this.#total = { name: "total", size, done: 0 };
    this.#rate = new RateMeter(now);
    this.#screen = new LiveLines((window) => this.lines(window));
  }

  started(part: Descriptor, offset: number): void {
    const layer = this.#layers.get(part.digest) ??
      { name: shortDigest(part.digest), size: part.size, done: 0 };
    this.#layers.set(part.digest, layer);
    this.#advance(layer, offset - layer.done);
  }

  progressed(part: Descriptor, bytes: number): void {
    const layer = this.#layers.get(part.digest);
    this.#rate.add(bytes);
    if (layer) this.#advance(layer, bytes);
  }

  finished(part: Descriptor): void {
    const layer = this.#layers.get(part.digest);
    this.#layers.delete(part.digest);
    this.#total.done += part.size - (layer?.done ?? 0);
    this.#screen.changed();
  }

  end(): void {
    this.#screen.end();
  }

  /** Returns the bars that a window has room for, the total first. */
  lines({ columns, rows }: WindowSize): string[] {
    const room = Math.floor((rows - FREE_LINES) * SHARE_OF_WINDOW);
    const layers = [...this.#layers.values()].slice(0, Math.max(0, room - 1));
    const { name, size, done } = this.#total;
    const amount = `${formatBytes(done)} of ${formatBytes(size)}`;
    const details = this.#rate.text(size - done);
    return [
      barLine(
        { name: name.padEnd(NAME_WIDTH), share: shareOf(this.#total), amount, details },
        columns,
      ),
      ...layers.map((layer) => layerLine(layer, columns)),
    ];
  }

  #advance(layer: Progress, bytes: number): void {
    layer.done += bytes;
    this.#total.done += bytes;
    this.#screen.changed();
  }
}

function layerLine(layer: Progress, columns: number): string {
  const amount = `of ${formatBytes(layer.size)}`;
  const { name } = layer;
  return barLine({ name, share: shareOf(layer), amount, maxWidth: LAYER_BAR }, columns);
}

function shareOf({ size, done }: Progress): number {
  return size === 0 ? 1 : done / size;
}

/** Shows how much of a growing total is done. */
export interface ProgressCounter extends Disposable {
  addTotal(amount: number): void;
  advance(amount: number): void;
}

/**
 * Returns a counter drawn as a bar on stderr.
 * @param text formats the text beside the bar
 * @param isBytes true to show the speed
 */
export function counterBar(
  text: (done: number, total: number) => string,
  isBytes: boolean,
): ProgressCounter {
  const rate = new RateMeter(Date.now);
  let [done, total] = [0, 0];
  let screen: LiveLines | undefined;
  const line = ({ columns }: WindowSize) => {
    const details = isBytes ? rate.text(total - done) : [];
    return [
      barLine({ name: "", share: done / total, amount: text(done, total), details }, columns),
    ];
  };
  return {
    addTotal(amount) {
      total += amount;
      if (total > 0) screen ??= new LiveLines(line);
      screen?.changed();
    },
    advance(amount) {
      done += amount;
      rate.add(amount);
      screen?.changed();
    },
    [Symbol.dispose]() {
      screen?.end();
    },
  };
}
