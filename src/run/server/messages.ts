/** What the serving thread and a guest's thread tell each other. Bodies flow in pieces that are asked for. */
import type { GuestProgram } from "../engine/component.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";

/** Bytes of a response that a guest may be ahead of its client. */
export const RESPONSE_WINDOW = 256 * 1024;

export type ToGuest =
  | {
    readonly type: "load";
    readonly program: GuestProgram;
    /** The memory of a `GuestGauge`. */
    readonly gauge: SharedArrayBuffer;
  }
  | {
    readonly type: "request";
    readonly id: number;
    readonly head: RequestHead;
    readonly hasBody: boolean;
  }
  /** The next piece of a request's body; null is its end, undefined its failure. */
  | {
    readonly type: "piece";
    readonly id: number;
    readonly bytes: Uint8Array | null | undefined;
  }
  /** So many bytes of the response are on their way. */
  | { readonly type: "taken"; readonly id: number; readonly count: number }
  /** Nobody waits for the response any more. */
  | { readonly type: "cancel"; readonly id: number };

export type FromGuest =
  | { readonly type: "loaded" }
  | { readonly type: "unloadable"; readonly message: string }
  | {
    readonly type: "head";
    readonly id: number;
    readonly status: number;
    readonly headers: readonly (readonly [name: string, value: string])[];
  }
  | { readonly type: "piece"; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The response is over; `whole` is false where the guest broke off. */
  | { readonly type: "end"; readonly id: number; readonly whole: boolean }
  /** The guest trapped, or returned without a response. */
  | { readonly type: "failure"; readonly id: number; readonly message: string }
  /** The guest wants the next piece of the request's body. */
  | { readonly type: "want"; readonly id: number }
  /** One of the guests wants sockets, and asks for them at the port. */
  | { readonly type: "sockets"; readonly port: MessagePort }
  /** Something was refused, and what would grant it. */
  | { readonly type: "refusal"; readonly message: string };
