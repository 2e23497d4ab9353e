/** The messages between a guest's thread and the thread that owns its sockets. Each request has one reply. */
import type { Endpoint } from "../grants/endpoint.ts";

/** The parameters and the result of each request. The guest's thread assigns the ids of sockets. */
export interface Requests {
  /** Resolves a name to all of its addresses. */
  readonly lookUp: { params: { name: string }; result: readonly string[] };
  readonly connect: { params: { socket: number; remote: Endpoint }; result: ConnectionEnds };
  /** Binds a socket and starts listening for connections. */
  readonly listen: { params: { socket: number; local: Endpoint }; result: Endpoint };
  /** Accepts the next connection, whose id is `as`. */
  readonly accept: { params: { socket: number; as: number }; result: ConnectionEnds };
  /** Reads the next bytes; null at the end. */
  readonly read: { params: { socket: number; atMost: number }; result: Uint8Array | null };
  /** Has a reply once the system has taken the bytes. */
  readonly write: { params: { socket: number; bytes: Uint8Array }; result: void };
  /** Shuts the connection down for writing, after everything written before. */
  readonly finish: { params: { socket: number }; result: void };
  readonly keepAlive: { params: { socket: number; isOn: boolean }; result: void };
  /** Binds a UDP socket. */
  readonly bindDatagrams: { params: { socket: number; local: Endpoint }; result: Endpoint };
  readonly receive: { params: { socket: number }; result: Datagram };
  readonly send: { params: { socket: number } & Datagram; result: void };
  /** Closes the socket after everything written is sent; pending requests on it fail. */
  readonly close: { params: { socket: number }; result: void };
  /** Closes all sockets in the same way. The last request. */
  readonly end: { params: object; result: void };
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
  [K in T]: { readonly type: K; readonly id: number } & Readonly<Requests[K]["params"]>;
}[T];

export type Reply =
  | { readonly id: number; readonly value: Requests[RequestType]["result"] }
  | { readonly id: number; readonly failure: Failure };

/** Why a request failed. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
}

/** `error-code` of `wasi:sockets/network`. */
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

/** A broken pipe is the end of a stream, and not one of its failures. */
export type FailureCode = ErrorCode | "broken-pipe";

/** The error of a failed request, in the guest's thread. */
export class SocketFailure extends Error {
  readonly code: FailureCode;

  constructor({ code, message }: Failure) {
    super(message);
    this.code = code;
  }
}
