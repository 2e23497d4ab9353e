import type { WindowSize } from "./bar_line.ts";
import { drawErr, setLiveText } from "./console.ts";

/** Milliseconds between two drawings, also while nothing changes: the window may have been resized. */
const INTERVAL = 100;

/** Erase to the end of the line, and to the end of the screen (ECMA-48, 8.3.41 and 8.3.39). */
const ERASE_LINE = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

/** The size of a terminal that does not tell it. */
const DEFAULT_SIZE: WindowSize = { columns: 80, rows: 24 };

/**
 * Lines at the end of stderr that are drawn again and again, until `end` removes them.
 *
 * The cursor is left at the beginning of the first line. There it stays when the terminal gets another width and
 * wraps its lines differently, so that erasing everything below it leaves nothing behind.
 */
export class LiveLines {
  readonly #lines: (window: WindowSize) => readonly string[];
  readonly #now: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Number of lines that are on the screen. */
  #drawn = 0;
  #drawnAt = -Infinity;

  /** @param lines returns lines that are shorter than the window is wide, and fewer than it is high */
  constructor(
    lines: (window: WindowSize) => readonly string[],
    now: () => number = performance.now.bind(performance),
  ) {
    this.#lines = lines;
    this.#now = now;
    setLiveText({ clear: () => this.#clear() });
    this.#timer = setInterval(() => this.#draw(), INTERVAL);
    Deno.unrefTimer(this.#timer);
  }

  /** Draws the lines, unless that was done a moment ago. */
  changed(): void {
    if (this.#now() - this.#drawnAt >= INTERVAL) this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
    setLiveText(undefined);
  }

  #draw(): void {
    const lines = this.#lines(windowSize());
    const up = lines.length > 1 ? `\x1b[${lines.length - 1}A` : "";
    // tmux keeps a screen that is erased from its first cell, so all but the rest is erased line by line.
    drawErr(`\r${lines.join(`${ERASE_LINE}\n`)}${ERASE_BELOW}${up}\r`);
    this.#drawn = lines.length;
    this.#drawnAt = this.#now();
  }

  #clear(): void {
    if (this.#drawn > 1) drawErr(`\r${ERASE_LINE}\n${ERASE_BELOW}\x1b[A`);
    else if (this.#drawn === 1) drawErr(`\r${ERASE_BELOW}`);
    this.#drawn = 0;
  }
}

function windowSize(): WindowSize {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  } catch {
    return DEFAULT_SIZE;
  }
}
