/** What a guest's thread asks of the thread that has its sockets. Each request has one answer. */
import type { Endpoint } from "../grants/endpoint.ts";

/** A request, and what it is answered with where it succeeds; sockets have numbers that the guest's thread gives. */
export interface Requests {
  /** All addresses of a name. */
  readonly lookUp: { ask: { name: string }; answer: readonly string[] };
  readonly connect: { ask: { socket: number; remote: Endpoint }; answer: ConnectionEnds };
  /** Binds a socket and lets connections queue up. */
  readonly listen: { ask: { socket: number; local: Endpoint }; answer: Endpoint };
  /** The next connection, which is called `as` from then on. */
  readonly accept: { ask: { socket: number; as: number }; answer: ConnectionEnds };
  /** The next bytes, null at their end. */
  readonly read: { ask: { socket: number; atMost: number }; answer: Uint8Array | null };
  /** Answered once they are the system's. */
  readonly write: { ask: { socket: number; bytes: Uint8Array }; answer: void };
  /** Says to the other side that nothing follows what was written. */
  readonly finish: { ask: { socket: number }; answer: void };
  readonly keepAlive: { ask: { socket: number; isOn: boolean }; answer: void };
  /** Binds a socket for datagrams. */
  readonly bindDatagrams: { ask: { socket: number; local: Endpoint }; answer: Endpoint };
  readonly receive: { ask: { socket: number }; answer: Datagram };
  readonly send: { ask: { socket: number } & Datagram; answer: void };
  /** Lets what was written leave, and closes the socket, whatever it is doing. */
  readonly close: { ask: { socket: number }; answer: void };
  /** Closes all that is still open, in the same way; nothing follows. */
  readonly end: { ask: object; answer: void };
}

/** The two ends of a connection. */
export interface ConnectionEnds {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly remote: Endpoint;
}

export type RequestType = keyof Requests;

export type Request<T extends RequestType = RequestType> = {
  [K in T]: { readonly type: K; readonly id: number } & Readonly<Requests[K]["ask"]>;
}[T];

export type Reply =
  | { readonly id: number; readonly value: Requests[RequestType]["answer"] }
  | { readonly id: number; readonly failure: Failure };

/** Why a request failed. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
}

/** `wasi:sockets/network`'s error-code. */
export type ErrorCode =
  | "unknown"
  | "access-denied"
  | "not-supported"
  | "invalid-argument"
  | "out-of-memory"
  | "timeout"
  | "concurrency-conflict"
  | "not-in-progress"
  | "would-block"
  | "invalid-state"
  | "new-socket-limit"
  | "address-not-bindable"
  | "address-in-use"
  | "remote-unreachable"
  | "connection-refused"
  | "connection-reset"
  | "connection-aborted"
  | "datagram-too-large"
  | "name-unresolvable"
  | "temporary-resolver-failure"
  | "permanent-resolver-failure";

/** Writing to where nobody reads any more is no failure of streams, but their end. */
export type FailureCode = ErrorCode | "broken-pipe";

/** What a request fails with in the thread that made it. */
export class SocketFailure extends Error {
  readonly code: FailureCode;

  constructor({ code, message }: Failure) {
    super(message);
    this.code = code;
  }
}
