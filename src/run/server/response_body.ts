import { joined } from "../../base/bytes.ts";
import { RESPONSE_WINDOW } from "./messages.ts";

export interface ResponseEvents {
  /** So many bytes of the body are on their way to the client. */
  readonly onTaken: (count: number) => void;
  /** The client has gone. */
  readonly onCancel: () => void;
}

/** Whether HTTP knows no body with this status (RFC 9110 §15). */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** A response as it comes from a guest, piece by piece. */
export class GuestResponse {
  readonly #status: number;
  readonly #headers: [string, string][];
  readonly #events: ResponseEvents;
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #end: "whole" | "broken" | undefined;
  /** Bytes that the guest has not been told of. */
  #owed = 0;

  constructor(
    status: number,
    headers: readonly (readonly [string, string])[],
    events: ResponseEvents,
  ) {
    this.#status = status;
    this.#headers = headers.map(([name, value]) => [name, value]);
    this.#events = events;
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#owed += bytes.length;
    if (!this.#stream) {
      this.#early.push(bytes);
      return;
    }
    this.#stream.enqueue(bytes);
    this.#acknowledge();
  }

  /** @param whole false where the guest broke off: the client has to see that something is missing */
  end(whole: boolean): void {
    if (this.#end) return;
    this.#end = whole ? "whole" : "broken";
    if (whole) this.#stream?.close();
    else this.#stream?.error(new Error("the guest broke off"));
  }

  /** The response with the pieces so far, whose body goes on until the end. */
  open(): Response {
    const init = { status: this.#status, headers: this.#headers };
    if (isBodiless(this.#status)) return new Response(null, init);
    if (this.#end === "whole") {
      const whole = this.#early.length === 1 ? this.#early[0] : joined(this.#early);
      return new Response(whole, init);
    }
    return new Response(this.#body(), init);
  }

  #body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
        for (const bytes of this.#early) controller.enqueue(bytes);
        if (this.#end === "broken") controller.error(new Error("the guest broke off"));
      },
      pull: () => this.#acknowledge(),
      cancel: () => this.#events.onCancel(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: RESPONSE_WINDOW }));
  }

  #acknowledge(): void {
    if (this.#owed === 0 || this.#stream!.desiredSize! <= 0) return;
    this.#events.onTaken(this.#owed);
    this.#owed = 0;
  }
}
