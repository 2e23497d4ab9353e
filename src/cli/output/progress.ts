import { MultiBar, Presets, type SingleBar } from "cli-progress";
import { formatBytes } from "../../base/units.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { shortDigest } from "../../oci/digest.ts";
import type { Outcome, PullObserver } from "../../pull/observer.ts";

/** How many layers have a bar at once; the total tells of the rest. */
const BARS = 16;

/** Below this many bytes a layer is over before a bar could be read. */
const WORTH_A_BAR = 256 * 1024;

/** A pull's observer that can be ended, whatever became of the pull. */
export interface Progress extends PullObserver {
  end(): void;
}

/** One bar per layer and one for all, on a terminal's stderr. */
export class Bars implements Progress {
  readonly #bars = new Map<Descriptor, { bar: SingleBar; done: number }>();
  readonly #multi: MultiBar;

  #total: SingleBar | undefined;

  constructor() {
    this.#multi = new MultiBar({
      stream: Deno.stderr as unknown as NodeJS.WritableStream,
      format: "{name} {bar} {percentage}% {done} of {size}",
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      gracefulExit: false,
    }, Presets.shades_classic);
  }

  planned(parts: readonly Descriptor[]): void {
    if (parts.length === 0) return;
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    this.#total = this.#add("total       ", size);
  }

  started(part: Descriptor, offset: number): void {
    const known = this.#bars.get(part);
    if (known) {
      this.#advance(this.#total, offset - known.done);
      this.#set(known, part, offset);
      return;
    }
    this.#advance(this.#total, offset);
    if (part.size < WORTH_A_BAR || this.#bars.size >= BARS) return;
    const entry = { bar: this.#add(shortDigest(part.digest), part.size), done: 0 };
    this.#bars.set(part, entry);
    this.#set(entry, part, offset);
  }

  progressed(part: Descriptor, bytes: number): void {
    this.#advance(this.#total, bytes);
    const entry = this.#bars.get(part);
    if (entry) this.#set(entry, part, entry.done + bytes);
  }

  finished(part: Descriptor): void {
    const entry = this.#bars.get(part);
    if (!entry) return;
    this.#multi.remove(entry.bar);
    this.#bars.delete(part);
  }

  note(message: string): void {
    this.#multi.log(`${message}\n`);
  }

  end(): void {
    this.#multi.stop();
  }

  #add(name: string, size: number): SingleBar {
    return this.#multi.create(Math.max(size, 1), 0, {
      name,
      done: formatBytes(0),
      size: formatBytes(size),
    });
  }

  #set(entry: { bar: SingleBar; done: number }, _part: Descriptor, done: number): void {
    entry.done = done;
    entry.bar.update(done, { done: formatBytes(done) });
  }

  #advance(bar: SingleBar | undefined, bytes: number): void {
    if (!bar) return;
    const done = (bar as unknown as { value: number }).value + bytes;
    bar.update(done, { done: formatBytes(done) });
  }
}

/** One line a layer, where there is no terminal: something to keep in a log. */
export class Lines implements Progress {
  readonly #say: (message: string) => void;

  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  started(part: Descriptor, offset: number): void {
    if (offset > 0) {
      this.#say(`${shortDigest(part.digest)}: going on from ${formatBytes(offset)}`);
    }
  }

  finished(part: Descriptor, outcome: Outcome): void {
    this.#say(`${shortDigest(part.digest)}: ${outcome} (${formatBytes(part.size)})`);
  }

  note(message: string): void {
    this.#say(message);
  }

  end(): void {}
}
