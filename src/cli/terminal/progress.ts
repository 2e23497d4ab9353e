import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { shortDigest } from "../../oci/digest.ts";
import type { PartOutcome, PullObserver } from "../../pull/options.ts";
import type { GlobalOptions } from "../options.ts";
import type { Bars, Gauge } from "./progress_bars.ts";

/** What progress needs of a command's context. */
interface Terminal {
  readonly options: Pick<GlobalOptions, "quiet" | "progress">;
  /** Prints a line to stderr, unless `--quiet`. */
  info(message: string): void;
}

/** A pull's observer that is ended, once or more often, whatever became of the pull. */
export interface Progress extends PullObserver, Disposable {
  end(): void;
}

/** Bars on a terminal, lines where there is none, nothing for who wants quiet. */
export function progressFor(context: Terminal): Progress {
  const { quiet, progress } = context.options;
  if (quiet) return new Lines(() => {});
  const say = (message: string) => context.info(message);
  return progress && Deno.stderr.isTerminal() ? new LazyBars(say) : new Lines(say);
}

/** Bars that are loaded once there is something to fetch: most pulls find everything in the cache. */
class LazyBars implements Progress {
  readonly #say: (message: string) => void;
  #bars: Bars | undefined;

  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  async planned(parts: readonly Descriptor[]): Promise<void> {
    this.end(); // A pull that starts over plans anew.
    const { Bars } = await import("./progress_bars.ts");
    this.#bars = new Bars(parts);
  }

  started(part: Descriptor, offset: number): void {
    this.#bars?.started(part, offset);
  }

  progressed(part: Descriptor, bytes: number): void {
    this.#bars?.progressed(part, bytes);
  }

  finished(part: Descriptor): void {
    this.#bars?.finished(part);
  }

  note(message: string): void {
    if (this.#bars) this.#bars.note(message);
    else this.#say(message);
  }

  end(): void {
    this.#bars?.end();
    this.#bars = undefined;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** One line a layer, where there is no terminal: something to keep in a log. */
class Lines implements Progress {
  readonly #say: (message: string) => void;

  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  started(part: Descriptor, offset: number): void {
    if (offset > 0) {
      this.#say(`${shortDigest(part.digest)}: going on from ${formatBytes(offset)}`);
    }
  }

  finished(part: Descriptor, outcome: PartOutcome): void {
    this.#say(`${shortDigest(part.digest)}: ${outcome} (${formatBytes(part.size)})`);
  }

  note(message: string): void {
    this.#say(message);
  }

  end(): void {}

  [Symbol.dispose](): void {}
}

/** For where there is no terminal, and for who wants quiet. */
const NOTHING: Gauge = { grow() {}, advance() {}, [Symbol.dispose]() {} };

/** Counts things. @param noun what is counted, as `tags asked about` */
export function countingGauge(context: Terminal, noun: string): Promise<Gauge> {
  return gaugeFor(context, (done, total) => `${done} of ${total} ${noun}`);
}

/** Counts bytes. */
export function bytesGauge(context: Terminal): Promise<Gauge> {
  return gaugeFor(context, (done, total) => `${formatBytes(done)} of ${formatBytes(total)}`);
}

async function gaugeFor(
  context: Terminal,
  text: (done: number, total: number) => string,
): Promise<Gauge> {
  const { quiet, progress } = context.options;
  if (quiet || !progress || !Deno.stderr.isTerminal()) return NOTHING;
  const { barGauge } = await import("./progress_bars.ts");
  return barGauge(text);
}
