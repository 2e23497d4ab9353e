import { within } from "../../base/concurrency.ts";
import { messageOf } from "../../base/errors.ts";
import { type ListenAddress, Listener } from "../../base/listener.ts";
import { urlHost } from "../../base/url_host.ts";
import type { StaticResponse } from "../spin/http_trigger.ts";
import { type RequestTarget, targetOf } from "../spin/request_target.ts";
import { RESERVED_PREFIX, type Router, spinHeaders } from "../spin/routes.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";
import { receivedHeaders } from "../wasi/http/received_headers.ts";
import { GuestFailure, serverStopping } from "./failure.ts";
import { isBodiless } from "./response_body.ts";
import type { GuestPool } from "./worker_pool.ts";

/** Start of a warning that Deno prints once, after a response to a request whose signal was read. */
const SIGNAL_WARNING = "Deno.serve: request.signal aborts on successful responses";

/** Milliseconds for requests under way to end after Ctrl-C. */
const STOP_GRACE = 20_000;

/** Milliseconds for responses to be sent after that. */
const STOP_FLUSH = 2_000;

/** The guests that are served: one component at every path, or a Spin app with its routes. */
export type Site =
  | { readonly kind: "component"; readonly pool: GuestPool }
  | {
    readonly kind: "app";
    readonly router: Router;
    readonly pools: ReadonlyMap<string, GuestPool>;
  };

/** An answered request, for the log. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Milliseconds until the response began. */
  readonly duration: number;
}

export interface ServerOptions {
  readonly onRequest?: ((served: ServedRequest) => void) | undefined;
  /** Called with the reason, in one line, if a request fails outside of guests; pools report their guests' failures. */
  readonly onFailure?: ((message: string) => void) | undefined;
}

/** Answers HTTP requests with guests. It listens at once; requests wait until it is opened. */
export class HttpServer {
  readonly #site = Promise.withResolvers<Site>();
  readonly #options: ServerOptions;
  readonly #listener: Listener;
  /** Number of requests whose responses have not ended. */
  #underWay = 0;
  #isStopping = false;
  readonly #idle = Promise.withResolvers<void>();

  /** @throws LarderError LDR_LISTEN */
  constructor(address: ListenAddress, options: ServerOptions = {}) {
    this.#options = options;
    this.#site.promise.catch(() => {}); // The server may stop without a request.
    hideSignalWarning();
    this.#listener = new Listener(
      { address, onInterruption: (message) => options.onFailure?.(message) },
      (request, info) => this.#handle(request, info),
    );
  }

  /** Its URL, with the port that the system chose for port 0. */
  get url(): string {
    const { hostname, port } = this.#listener.address;
    return `http://${urlHost(hostname)}:${port}`;
  }

  /** Starts to answer requests. */
  open(site: Site): void {
    this.#site.resolve(site);
  }

  /** Refuses new requests, and resolves when those under way have ended or their time is over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#site.reject(serverStopping());
    // Deno's own shutdown would end the bodies of requests under way (denoland/deno#36809).
    if (this.#underWay > 0) await within(STOP_GRACE, this.#idle.promise);
    await within(STOP_FLUSH, this.#listener.stop());
  }

  #handle(request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>): Promise<Response> {
    this.#underWay++;
    info.completed.then(this.#onCompleted, this.#onCompleted);
    return this.#answer(request, info.remoteAddr);
  }

  readonly #onCompleted = (): void => {
    this.#underWay--;
    if (this.#isStopping && this.#underWay === 0) this.#idle.resolve();
  };

  async #answer(request: Request, client: Deno.NetAddr): Promise<Response> {
    const start = performance.now();
    const target = targetOf(request.url, request.headers.get("host"));
    let response: Response;
    try {
      if (this.#isStopping) throw serverStopping();
      response = target
        ? await respond(await this.#site.promise, request, target, client)
        : statusResponse(400);
    } catch (error) {
      response = statusResponse(this.#statusOf(error));
    }
    this.#options.onRequest?.({
      method: request.method,
      path: target?.path ?? request.url,
      status: response.status,
      duration: performance.now() - start,
    });
    return response;
  }

  #statusOf(error: unknown): number {
    if (error instanceof GuestFailure) return error.status;
    this.#options.onFailure?.(messageOf(error));
    return 500;
  }
}

function respond(
  site: Site,
  request: Request,
  requestTarget: RequestTarget,
  client: Deno.NetAddr,
): Response | Promise<Response> {
  if (site.kind === "component") {
    return callGuest(site.pool, request, headOf(request, requestTarget));
  }
  if (requestTarget.path === `${RESERVED_PREFIX}health`) return new Response("OK");
  const match = site.router.match(requestTarget.path);
  if (!match) return statusResponse(404);
  const { target } = match.route;
  if (target.kind === "response") return staticResponse(target.response);
  const pool = site.pools.get(target.component)!;
  const headers = spinHeaders(match, requestTarget, client);
  return callGuest(pool, request, headOf(request, requestTarget, headers));
}

function callGuest(pool: GuestPool, request: Request, head: RequestHead): Promise<Response> {
  // The signal is read when a guest has not answered for a moment: it costs 30 µs.
  return pool.handle({ head, body: request.body, isGone: () => request.signal.aborted });
}

/** Returns the head of a request for a guest. A client cannot forge the added headers. */
function headOf(
  request: Request,
  { authority, path, query }: RequestTarget,
  added: ReturnType<typeof spinHeaders> = [],
): RequestHead {
  const isForged = (name: string) =>
    name.startsWith("spin-path-match-") || added.some(([reserved]) => reserved === name);
  const { method } = request;
  const headers = receivedHeaders(request.headers);
  // The runtime reports the target `*`, which is for the server as a whole, as the path `/*` (RFC 9112 §3.2.4).
  const isForServer = method === "OPTIONS" && path === "/*" && query === "";
  return {
    method,
    path: isForServer ? "*" : path + query,
    scheme: "http",
    authority,
    headers: [...headers.filter(([name]) => !isForged(name)), ...added],
  };
}

function staticResponse({ status, headers, body }: StaticResponse): Response {
  return new Response(isBodiless(status) ? null : body, { status, headers: [...headers] });
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  499: "Client Closed Request",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

function statusResponse(status: number): Response {
  return new Response(`${status} ${REASONS[status]}\n`, { status });
}

let isSignalWarningHidden = false;

/** Users cannot act on it, and compiled binaries ignore `--unstable-no-legacy-abort`, which turns it off. */
function hideSignalWarning(): void {
  if (isSignalWarningHidden) return;
  isSignalWarningHidden = true;
  const { warn } = console;
  // deno-lint-ignore no-console
  console.warn = (...values) => {
    if (!String(values[0]).startsWith(SIGNAL_WARNING)) warn(...values);
  };
}
