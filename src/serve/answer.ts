/** Where the content of an answer is from, for the log. */
export type Result = "hit" | "miss" | "stale";

/** An answer to a request, before it becomes a response. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly result?: Result | undefined;
  /** Called when the response has ended. */
  readonly release?: (() => void) | undefined;
}

/** Adds what tells clients that a registry was not asked (RFC 9111 §5.1; `Warning: 110` as in RFC 7234 §5.5.1). */
export function staleHeaders(checkedAt: number, now: number): Record<string, string> {
  return {
    age: String(Math.max(0, Math.floor((now - checkedAt) / 1000))),
    warning: '110 larder "Response is Stale"',
  };
}

/** True if a header of entity tags has one, weak or not (RFC 9110 §13.1.2). */
export function matchesETag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.trim() === "*" ||
    header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
