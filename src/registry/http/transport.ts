/** One HTTP exchange; redirects are answers like any other. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  /** Who answered: after redirects, and with the scheme that was spoken. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** The undecoded body; whoever gets the response reads or cancels it. */
  readonly body: ReadableStream<Uint8Array> | null;
}

/**
 * Sends a request and follows no redirect. Everything that larder says to the network goes through one.
 * @throws LarderError LDR_UNREACHABLE, LDR_TLS, LDR_TIMEOUT, LDR_INTERRUPTED
 */
export interface Transport {
  send(request: HttpRequest): Promise<HttpResponse>;
}
