import { within } from "../base/concurrency.ts";
import { excerpt, messageOf } from "../base/errors.ts";
import { Listener, type ListenerOptions, type ListenerTls } from "../base/listener.ts";
import { urlHost } from "../base/url_host.ts";
import type { Answer } from "./answer.ts";
import { ApiError, apiErrorOf, errorResponse } from "./errors.ts";
import { type RegistryService, unknownCode } from "./registry_service.ts";
import { type Route, routeOf } from "./routes.ts";
import type { Via } from "./via.ts";

/**
 * Limit on requests under way: each that sends a blob takes 75 KiB (302 MiB at 2,000 clients that read nothing, 214 MiB
 * at 1,000) and 3 file descriptors, of which many systems allow 4,096 or more.
 */
const MAX_REQUESTS = 2000;

/** Seconds after which a client is told to repeat a request that was one too many. */
const RETRY_AFTER = "1";

/** Milliseconds for requests under way to end after SIGTERM or Ctrl-C. */
const STOP_GRACE = 20_000;

/** Milliseconds for responses to be sent after that. */
const STOP_FLUSH = 2_000;

/** An answered request, for the log. */
export interface LoggedRequest {
  readonly client: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly status: number;
  /** `hit`, `miss` or `stale`; undefined for what has no content. */
  readonly result: Answer["result"];
  /** Milliseconds until the response began. */
  readonly duration: number;
  /** Why it was refused, or failed. */
  readonly reason: string | undefined;
}

/** Decides who may ask what. @returns the refusal, or undefined to answer */
export type Access = (
  request: Request,
  remote: Deno.NetAddr,
  route: Route | undefined,
) => ApiError | undefined | Promise<ApiError | undefined>;

export interface ServerOptions extends Omit<ListenerOptions, "onInterruption"> {
  readonly defaultUpstream: string;
  /** Finds requests that this server has caused itself. */
  readonly via: Via;
  readonly access: Access;
  readonly onRequest?: ((request: LoggedRequest) => void) | undefined;
  /** Limit on requests under way; 2,000 by default. */
  readonly maxRequests?: number | undefined;
  /** Called with a failure that is larder's own. */
  readonly onFailure: (message: string) => void;
}

/** The HTTP server in front of a {@link RegistryService}. It listens as soon as it exists. */
export class RegistryServer {
  readonly #service: RegistryService;
  readonly #options: ServerOptions;
  readonly #listener: Listener;
  /** Number of requests whose responses have not ended. */
  #underWay = 0;
  /** Number of requests whose bodies may be read. */
  #receiving = 0;
  /** The certificate to use once no body is being read. */
  #renewal: ListenerTls | undefined;
  #isStopping = false;
  readonly #idle = Promise.withResolvers<void>();

  /** @throws LarderError LDR_LISTEN */
  constructor(service: RegistryService, options: ServerOptions) {
    this.#service = service;
    this.#options = options;
    this.#listener = new Listener(
      { ...options, onInterruption: options.onFailure },
      (request, info) => this.#handle(request, info),
    );
  }

  /** Its URL, with the port that the system chose for port 0. */
  get url(): string {
    const { hostname, port } = this.#listener.address;
    const scheme = this.#options.tls ? "https" : "http";
    return `${scheme}://${urlHost(hostname)}:${port}`;
  }

  /** Refuses new requests, and resolves when those under way have ended or their time is over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    // Deno's own shutdown would end the bodies of requests under way (denoland/deno#36809).
    if (this.#underWay > 0) await within(STOP_GRACE, this.#idle.promise);
    await within(STOP_FLUSH, this.#listener.stop());
  }

  /** Uses another certificate for new connections, as soon as no request is sending a body. */
  renew(tls: ListenerTls): void {
    this.#renewal = tls;
    this.#renewIfQuiet();
  }

  #renewIfQuiet(): void {
    const tls = this.#renewal;
    if (!tls || this.#receiving > 0) return;
    this.#renewal = undefined;
    this.#listener.renew(tls).catch((error) => {
      this.#options.onFailure(`keeping the previous certificate: ${messageOf(error)}`);
    });
  }

  get #isFull(): boolean {
    return this.#underWay > (this.#options.maxRequests ?? MAX_REQUESTS);
  }

  async #handle(request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>): Promise<Response> {
    const start = performance.now();
    this.#underWay++;
    const ending: Pick<Answer, "release"> = {};
    const onCompleted = () => {
      ending.release?.();
      this.#underWay--;
      if (this.#isStopping && this.#underWay === 0) this.#idle.resolve();
    };
    info.completed.then(onCompleted, onCompleted);
    const { path, query } = splitUrl(request.url);
    const isReceiving = request.method !== "GET" && request.method !== "HEAD";
    if (isReceiving) this.#receiving++;
    const { response, answer, reason } = await this.#respond(
      request,
      info.remoteAddr,
      path,
      query,
    );
    if (isReceiving && --this.#receiving === 0) this.#renewIfQuiet();
    Object.assign(ending, { release: answer?.release });
    this.#options.onRequest?.({
      client: info.remoteAddr.hostname,
      method: request.method,
      path: path + query,
      status: response.status,
      result: answer?.result,
      duration: performance.now() - start,
      reason,
    });
    return response;
  }

  async #respond(
    request: Request,
    remote: Deno.NetAddr,
    path: string,
    query: string,
  ): Promise<{ response: Response; answer?: Answer; reason?: string }> {
    let route: Route | undefined;
    let fault: unknown;
    try {
      route = routeOf(path, query, this.#options.defaultUpstream, this.#listener.address.port);
    } catch (error) {
      fault = error;
    }
    try {
      // Before the fault of a path is told, which is the business of those who may ask only.
      const refusal = await this.#options.access(request, remote, route);
      if (refusal) throw refusal;
      if (this.#isStopping) throw new ApiError(503, "UNAVAILABLE", "larder is stopping");
      if (this.#isFull && route?.kind !== "health") throw tooMany();
      if (!route) throw fault;
      const { via } = this.#options;
      if (via.isOwn(request.headers)) throw askedItself(route);
      const answer = await via.after(request.headers, () => this.#service.answer(request, route));
      const { status, headers } = answer;
      const body = request.method === "HEAD" ? null : answer.body;
      return { response: new Response(body, { status, headers }), answer };
    } catch (error) {
      const refusal = apiErrorOf(error, unknownCode(route));
      // 507: the disk is full, which the client cannot do anything about.
      if (refusal.status === 500 || refusal.status === 507) {
        this.#options.onFailure(messageOf(error));
      }
      return { response: errorResponse(refusal), reason: excerpt(messageOf(error)) };
    }
  }
}

function askedItself(route: Route): ApiError {
  return new ApiError(
    404,
    unknownCode(route),
    "a process on the cache of this server asked for it",
  );
}

function tooMany(): ApiError {
  return new ApiError(503, "UNAVAILABLE", "too many requests are under way", {
    "retry-after": RETRY_AFTER,
  });
}

/** Splits a URL after its host; the query begins with `?` or is empty. */
function splitUrl(url: string): { path: string; query: string } {
  const slash = url.indexOf("/", url.indexOf("//") + 2);
  const question = url.indexOf("?", slash);
  const end = question < 0 ? url.length : question;
  return { path: url.slice(slash, end), query: url.slice(end) };
}
