import { printable } from "../../base/errors.ts";
import { LiveLines } from "./live_lines.ts";
import { showsProgress, type Terminal } from "./progress.ts";

/** Milliseconds that work takes before its progress is shown: most of it is done sooner. */
const DELAY = 700;
/** The progress of work without a known end, in the last line of the terminal. Disposing erases it. */
export class StatusLine implements Disposable {
  readonly #now: () => number;
  readonly #due: number;
  #text = () => "";
  #lines: LiveLines | undefined;

  /** @param isShown false where progress is not shown */
  constructor(isShown: boolean, now: () => number = performance.now.bind(performance)) {
    this.#now = now;
    this.#due = isShown ? now() + DELAY : Infinity;
  }

  /** Shows a text, unless the work began or the last text was shown a moment ago. */
  update(text: () => string): void {
    if (this.#now() < this.#due) return;
    this.#text = text;
    this.#lines ??= new LiveLines(
      ({ columns }) => [printable(this.#text()).slice(0, columns - 1)],
      this.#now,
    );
    this.#lines.changed();
  }

  [Symbol.dispose](): void {
    this.#lines?.end();
  }
}

/** Returns a line on a terminal, and one that is not shown elsewhere. */
export function statusLine({ options }: Pick<Terminal, "options">): StatusLine {
  return new StatusLine(showsProgress(options));
}
