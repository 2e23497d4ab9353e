import type { HeaderList } from "./fields.ts";

/** How the requests of guests leave this machine, as plain data that can be sent to threads. */
export interface NetworkSettings {
  /** PEM certificates that are trusted beside the built-in ones. */
  readonly caCerts: readonly string[];
  /** True to accept any certificate. */
  readonly insecure: boolean;
  /** The environment variables that name proxies, and exceptions. */
  readonly proxies: Readonly<Record<string, string>>;
}

/** A request as it is sent: nothing is added to its headers but what frames the message, and `host`. */
export interface WireRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: HeaderList;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Returns the trailers once the body has ended. */
  readonly trailers: () => HeaderList;
  readonly signal: AbortSignal;
}

export interface WireResponse {
  readonly status: number;
  /** With lower-case names; a repeated field is repeated. */
  readonly headers: HeaderList;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Returns the trailers once the body has ended; undefined if the client cannot receive them. */
  readonly trailers?: () => HeaderList;
}

export const DIRECT: NetworkSettings = { caCerts: [], insecure: false, proxies: {} };
