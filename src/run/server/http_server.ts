import { LarderError, messageOf } from "../../base/errors.ts";
import type { StaticResponse } from "../spin/http_trigger.ts";
import { type RequestTarget, targetOf } from "../spin/request_target.ts";
import { RESERVED_PREFIX, type Router, spinHeaders } from "../spin/routes.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";
import { GuestFailure, serverStopping } from "./failure.ts";
import { isBodiless } from "./response_body.ts";
import type { GuestPool } from "./worker_pool.ts";

/** After Ctrl-C, requests under way get so long to end … */
const STOP_GRACE = 20_000;

/** … and what was answered then gets so long to leave. */
const STOP_FLUSH = 2_000;

/** Where to listen. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** What is served: one component at every path, or a Spin app with its routes. */
export type Site =
  | { readonly kind: "component"; readonly pool: GuestPool }
  | {
    readonly kind: "app";
    readonly router: Router;
    readonly pools: ReadonlyMap<string, GuestPool>;
  };

/** One request that was answered, for the log. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Until the response began, in milliseconds. */
  readonly duration: number;
}

export interface ServerOptions {
  readonly onRequest?: ((served: ServedRequest) => void) | undefined;
  /** Told in one line why a request failed, where no guest is to blame: pools tell of their guests. */
  readonly onFailure?: ((message: string) => void) | undefined;
}

/** Answers HTTP requests with guests. It listens from the beginning; requests wait until it is opened. */
export class HttpServer {
  readonly #site = Promise.withResolvers<Site>();
  readonly #options: ServerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Requests that are not answered to the end. */
  #underWay = 0;
  #isStopping = false;
  readonly #idle = Promise.withResolvers<void>();

  /** @throws LarderError LDR_LISTEN */
  constructor(address: Address, options: ServerOptions = {}) {
    this.#options = options;
    this.#site.promise.catch(() => {}); // Nobody may have asked by the time that it stops.
    try {
      this.#server = Deno.serve(
        { ...address, onListen: () => {}, onError: () => plain(500) },
        (request, info) => this.#handle(request, info),
      );
    } catch (error) {
      throw cannotListen(address, error);
    }
  }

  /** Where it listens: with the port that was found where port 0 was asked for. */
  get url(): string {
    const { hostname, port } = this.#server.addr;
    return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** Begins to answer. */
  open(site: Site): void {
    this.#site.resolve(site);
  }

  /** Takes no more requests, and resolves once those under way are answered, or have had their time. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#site.reject(serverStopping());
    // Deno's own shutdown would take the bodies away from requests under way (denoland/deno#36809).
    if (this.#underWay > 0) await within(STOP_GRACE, this.#idle.promise);
    await within(STOP_FLUSH, this.#server.shutdown());
  }

  #handle(request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>): Promise<Response> {
    this.#underWay++;
    info.completed.then(this.#onOver, this.#onOver);
    return this.#answer(request, info.remoteAddr);
  }

  readonly #onOver = (): void => {
    this.#underWay--;
    if (this.#isStopping && this.#underWay === 0) this.#idle.resolve();
  };

  async #answer(request: Request, client: Deno.NetAddr): Promise<Response> {
    const start = performance.now();
    const target = targetOf(request.url);
    let response: Response;
    try {
      if (this.#isStopping) throw serverStopping();
      response = await respond(await this.#site.promise, request, target, client);
    } catch (error) {
      response = plain(this.#statusOf(error));
    }
    this.#options.onRequest?.({
      method: request.method,
      path: target.path,
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
  asked: RequestTarget,
  client: Deno.NetAddr,
): Response | Promise<Response> {
  if (site.kind === "component") return have(site.pool, request, headOf(request, asked));
  if (asked.path === `${RESERVED_PREFIX}health`) return new Response("OK");
  const match = site.router.match(asked.path);
  if (!match) return plain(404);
  const { target } = match.route;
  if (target.kind === "response") return fixed(target.response);
  const pool = site.pools.get(target.component)!;
  return have(pool, request, headOf(request, asked, spinHeaders(match, asked, client)));
}

function have(pool: GuestPool, request: Request, head: RequestHead): Promise<Response> {
  return pool.handle({ head, body: request.body, isGone: () => request.signal.aborted });
}

/** What the guest is told of a request; a client cannot send what only the host may say. */
function headOf(
  request: Request,
  { authority, path, query }: RequestTarget,
  added: ReturnType<typeof spinHeaders> = [],
): RequestHead {
  const own = new Set(added.map(([name]) => name));
  const isForged = (name: string) => own.has(name) || name.startsWith("spin-path-match-");
  return {
    method: request.method,
    path: path + query,
    scheme: "http",
    authority: request.headers.get("host") ?? authority,
    headers: [...[...request.headers].filter(([name]) => !isForged(name)), ...added],
  };
}

function fixed({ status, headers, body }: StaticResponse): Response {
  return new Response(isBodiless(status) ? null : body, { status, headers: [...headers] });
}

const REASONS: Readonly<Record<number, string>> = {
  404: "Not Found",
  499: "Client Closed Request",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

function plain(status: number): Response {
  return new Response(`${status} ${REASONS[status]}\n`, { status });
}

/** Waits for a promise, and no longer than so many milliseconds. */
async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function cannotListen({ hostname, port }: Address, error: unknown): LarderError {
  const taken = error instanceof Deno.errors.AddrInUse;
  const reason = taken ? "the port is taken" : messageOf(error);
  return new LarderError("LDR_LISTEN", `cannot listen on ${hostname}:${port}: ${reason}`, {
    hint: taken
      ? "end what listens there, or choose another port with --listen"
      : "choose another address with --listen",
    cause: error,
  });
}
