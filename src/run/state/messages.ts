/** The messages between a guest's thread and the thread that owns the stores. Each request has one reply. */

/** A value of SQLite: `value` of `fermyon:spin/sqlite`, as it is sent to SQLite and received from it. */
export type SqlValue = bigint | number | string | Uint8Array | null;

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

type Bytes = Uint8Array;

/** The parameters and the result of each request. The guest's thread assigns the ids of connections. */
export interface StateRequests {
  /** Opens a key-value store, which needs no closing. */
  readonly open: { params: { store: string }; result: void };
  readonly get: { params: { store: string; key: string }; result: Bytes | undefined };
  readonly set: { params: { store: string; key: string; value: Bytes }; result: void };
  readonly delete: { params: { store: string; keys: readonly string[] }; result: void };
  readonly exists: { params: { store: string; key: string }; result: boolean };
  readonly keys: { params: { store: string }; result: readonly string[] };
  readonly getMany: {
    params: { store: string; keys: readonly string[] };
    result: readonly (readonly [key: string, value: Bytes])[];
  };
  readonly setMany: {
    params: { store: string; entries: readonly (readonly [key: string, value: Bytes])[] };
    result: void;
  };
  readonly increment: { params: { store: string; key: string; delta: bigint }; result: bigint };
  /** Sets a value if the current one is `old`, or if `old` is undefined; false if it was not. */
  readonly swap: {
    params: { store: string; key: string; old: Bytes | undefined; value: Bytes };
    result: boolean;
  };
  /** Opens a connection to a SQLite database. */
  readonly connect: { params: { database: string; connection: number }; result: void };
  readonly execute: {
    params: { connection: number; sql: string; values: readonly SqlValue[] };
    result: QueryResult;
  };
  readonly changes: {
    params: { connection: number };
    result: { readonly changes: bigint; readonly lastInsertRowid: bigint };
  };
  /** Closes a connection, and rolls its transaction back. */
  readonly disconnect: { params: { connection: number }; result: void };
}

export type StateRequestType = keyof StateRequests;

export type StateRequest<T extends StateRequestType = StateRequestType> = {
  [K in T]: { readonly type: K; readonly id: number } & Readonly<StateRequests[K]["params"]>;
}[T];

export type StateReply =
  | { readonly id: number; readonly value: StateRequests[StateRequestType]["result"] }
  | { readonly id: number; readonly failure: { code: StateFailureCode; message: string } };

/** "full" is a full disk or database. */
export type StateFailureCode = "access-denied" | "full" | "other";

/** The error of a failed request. */
export class StateFailure extends Error {
  readonly code: StateFailureCode;

  constructor(code: StateFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}
