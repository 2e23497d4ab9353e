import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { shortDigest } from "../../oci/digest.ts";
import type { PartOutcome, PullObserver } from "../../pull/options.ts";
import type { GlobalOptions } from "../options.ts";
import type { ProgressCounter, PullBars } from "./progress_bars.ts";
import { isDumb } from "./style.ts";

/** The part of a command's context that progress needs. */
export interface Terminal {
  readonly options: Pick<GlobalOptions, "quiet" | "progress">;
  /** Prints a line to stderr, unless `--quiet`. */
  info(message: string): void;
}

/** True if progress is shown: on a terminal that can move its cursor, unless an option turns it off. */
export function showsProgress({ quiet, progress }: Terminal["options"]): boolean {
  return !quiet && progress && Deno.stderr.isTerminal() && !isDumb(Deno.env.get("TERM"));
}

/** Shows the progress of a pull. `end` must be called when the pull ends, and may be called again. */
export interface PullProgress extends PullObserver, Disposable {
  end(): void;
}

/** Returns bars on a terminal, one line per layer elsewhere, and nothing with `--quiet`. */
export function pullProgress(context: Terminal): PullProgress {
  if (context.options.quiet) return new PullLines(() => {});
  const print = (message: string) => context.info(message);
  return showsProgress(context.options) ? new LazyPullBars(print) : new PullLines(print);
}

/** Loads the bars when a transfer is planned: most pulls find everything in the cache. */
class LazyPullBars implements PullProgress {
  readonly #print: (message: string) => void;
  #bars: PullBars | undefined;

  constructor(print: (message: string) => void) {
    this.#print = print;
  }

  async planned(parts: readonly Descriptor[]): Promise<void> {
    this.end(); // A pull that starts over plans again.
    const { PullBars } = await import("./progress_bars.ts");
    this.#bars = new PullBars(parts);
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
    this.#print(message);
  }

  end(): void {
    this.#bars?.end();
    this.#bars = undefined;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** Prints one line per layer, for logs. */
class PullLines implements PullProgress {
  readonly #print: (message: string) => void;

  constructor(print: (message: string) => void) {
    this.#print = print;
  }

  started(part: Descriptor, offset: number): void {
    if (offset > 0) {
      this.#print(`${shortDigest(part.digest)}: resuming at ${formatBytes(offset)}`);
    }
  }

  finished(part: Descriptor, outcome: PartOutcome, kind: "config" | "layer"): void {
    this.#print(`${kind} ${shortDigest(part.digest)}: ${outcome} (${formatBytes(part.size)})`);
  }

  note(message: string): void {
    this.#print(message);
  }

  end(): void {}

  [Symbol.dispose](): void {}
}

const HIDDEN_COUNTER: ProgressCounter = { addTotal() {}, advance() {}, [Symbol.dispose]() {} };

/** Counts items. @param noun names them with their participle, such as `tags checked` */
export function countProgress(context: Terminal, noun: string): Promise<ProgressCounter> {
  return progressCounter(context, (done, total) => `${done} of ${total} ${noun}`, false);
}

/** Counts bytes. */
export function byteProgress(context: Terminal): Promise<ProgressCounter> {
  const text = (done: number, total: number) => `${formatBytes(done)} of ${formatBytes(total)}`;
  return progressCounter(context, text, true);
}

/** Shows a growing total. @param text formats the text beside the bar */
export async function progressCounter(
  context: Terminal,
  text: (done: number, total: number) => string,
  isBytes: boolean,
): Promise<ProgressCounter> {
  if (!showsProgress(context.options)) return HIDDEN_COUNTER;
  const { counterBar } = await import("./progress_bars.ts");
  return counterBar(text, isBytes);
}
