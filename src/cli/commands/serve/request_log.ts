import { printable } from "../../../base/errors.ts";
import { redact } from "../../../base/redact.ts";
import type { LoggedRequest } from "../../../serve/server.ts";
import { writeErr } from "../../terminal/console.ts";

/** Milliseconds after which lines are written; one write for each line takes a third of a small request. */
const FLUSH_INTERVAL = 100;

/** Writes a line for each request to stderr. */
export class RequestLog implements Disposable {
  #lines: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add({ client, method, path, status, result, duration }: LoggedRequest): void {
    const time = `${duration.toFixed(1)} ms`;
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
