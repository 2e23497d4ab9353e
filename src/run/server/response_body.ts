import { concatBytes } from "../../base/bytes.ts";
import { RESPONSE_WINDOW } from "./messages.ts";

export interface ResponseEvents {
  /** Called with the number of bytes of the body that are on their way to the client. */
  readonly onTaken: (count: number) => void;
  /** Called if the client disconnects. */
  readonly onCancel: () => void;
}

/** True for a status whose responses have no body (RFC 9110 §15). */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** A response that a guest sends piece by piece. */
export class GuestResponse {
  readonly #status: number;
  readonly #headers: [string, string][];
  readonly #events: ResponseEvents;
  /** Pieces that arrived before the response was opened. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #end: "complete" | "incomplete" | undefined;
  /** Bytes that were not acknowledged to the guest. */
  #unacknowledged = 0;

  constructor(
    status: number,
    headers: readonly (readonly [string, string])[],
    events: ResponseEvents,
  ) {
    this.#status = status;
    // As requests of guests have them; the runtime keeps the case.
    this.#headers = headers.map(([name, value]) => [name.toLowerCase(), value]);
    this.#events = events;
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#unacknowledged += bytes.length;
    if (!this.#stream) {
      this.#early.push(bytes);
      return;
    }
    this.#stream.enqueue(bytes);
    this.#acknowledge();
  }

  /** @param isComplete false if the guest did not finish: the client must see that a part is missing */
  end(isComplete: boolean): void {
    if (this.#end) return;
    this.#end = isComplete ? "complete" : "incomplete";
    if (isComplete) this.#stream?.close();
    else this.#stream?.error(unfinished());
  }

  /** Returns the response with the pieces that arrived so far; its body continues with those to come. */
  open(): Response {
    const init = { status: this.#status, headers: this.#headers };
    if (isBodiless(this.#status)) return new Response(null, init);
    if (this.#end === "complete") {
      const bytes = this.#early.length === 1 ? this.#early[0] : concatBytes(this.#early);
      return new Response(bytes, init);
    }
    return new Response(this.#body(), init);
  }

  #body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
        for (const bytes of this.#early) controller.enqueue(bytes);
        if (this.#end === "incomplete") controller.error(unfinished());
      },
      pull: () => this.#acknowledge(),
      cancel: () => this.#events.onCancel(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: RESPONSE_WINDOW }));
  }

  #acknowledge(): void {
    if (this.#unacknowledged === 0 || this.#stream!.desiredSize! <= 0) return;
    this.#events.onTaken(this.#unacknowledged);
    this.#unacknowledged = 0;
  }
}

function unfinished(): Error {
  return new Error("the guest did not finish its response");
}
