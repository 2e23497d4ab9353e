/** Messages between the main thread and a guest's thread. Bodies are sent in pieces on request. */
import type { GuestProgram } from "../engine/component.ts";
import type { TrapReport } from "../engine/trap_report.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";

/** Bytes of a response that a guest may write before its client has taken them. */
export const RESPONSE_WINDOW = 256 * 1024;

export interface RequestMessage {
  readonly type: "request";
  readonly id: number;
  readonly head: RequestHead;
  readonly hasBody: boolean;
}

export type ToGuest =
  | {
    readonly type: "load";
    readonly program: GuestProgram;
    /** Memory of the `SharedCounters` of the thread. */
    readonly counters: WebAssembly.Memory;
  }
  | RequestMessage
  /** The next piece of a request's body: null at its end, undefined if it failed. */
  | {
    readonly type: "piece";
    readonly id: number;
    readonly bytes: Uint8Array | null | undefined;
  }
  /** Number of bytes of the response that are on their way to the client. */
  | { readonly type: "taken"; readonly id: number; readonly count: number }
  /** The response is no longer needed. */
  | { readonly type: "cancel"; readonly id: number };

/** What a guest says of one request. */
export type ExchangeMessage =
  | {
    readonly type: "head";
    readonly id: number;
    readonly status: number;
    readonly headers: readonly (readonly [name: string, value: string])[];
  }
  | { readonly type: "piece"; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The end of a response; `isComplete` is false if the guest did not finish its body. */
  | { readonly type: "end"; readonly id: number; readonly isComplete: boolean }
  /** The guest trapped, or returned without a response. */
  | { readonly type: "failure"; readonly id: number; readonly report: TrapReport }
  /** The guest reads the next piece of the request's body. */
  | { readonly type: "want"; readonly id: number };

/** What a thread says of itself. */
export type ThreadMessage =
  | { readonly type: "loaded" }
  | { readonly type: "unloadable"; readonly message: string }
  /** A guest asks for sockets over the port. */
  | { readonly type: "sockets"; readonly port: MessagePort }
  /** The thread asks for the stores of its component over the port. */
  | { readonly type: "state"; readonly port: MessagePort }
  /** A guest was denied an access; the message names what would grant it. */
  | { readonly type: "denial"; readonly message: string };

export type FromGuest = ExchangeMessage | ThreadMessage;
