import { printable } from "../../../base/errors.ts";
import { RecentMap } from "../../../base/recent_map.ts";
import { redact } from "../../../base/redact.ts";
import type { LoggedRequest } from "../../../serve/server.ts";
import { writeErr } from "../../terminal/console.ts";

/** Milliseconds after which lines are written; one write for each line takes a third of a small request. */
const FLUSH_INTERVAL = 100;

/** A minute for which a message is not printed again: one failing registry fails many requests. */
const REPEAT_INTERVAL = 60_000;

/** Messages whose last print is remembered. */
const MAX_MESSAGES = 1000;

/** Writes a line for each request to stderr. */
export class RequestLog implements Disposable {
  #lines: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add({ client, method, path, status, result, duration, reason }: LoggedRequest): void {
    const time = `${duration.toFixed(1)} ms${reason === undefined ? "" : `: ${reason}`}`;
    this.#lines.push([client, method, path, status, result ?? "-", time].join(" "));
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_INTERVAL);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#flush();
  }

  #flush(): void {
    this.#timer = undefined;
    const lines = this.#lines.map((line) => `${redact(printable(line))}\n`);
    this.#lines = [];
    if (lines.length > 0) writeErr(lines.join(""));
  }
}

/** Leaves out messages that were printed within the last minute. */
export function onceAMinute(print: (message: string) => void): (message: string) => void {
  const printed = new RecentMap<string, number>(MAX_MESSAGES);
  return (message) => {
    const now = performance.now();
    if (now - (printed.get(message) ?? -Infinity) < REPEAT_INTERVAL) return;
    printed.set(message, now);
    print(message);
  };
}
