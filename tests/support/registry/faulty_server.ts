import type { Fault } from "./faults.ts";
import {
  type Answer,
  HttpServer,
  lineMatches,
  type LoggedRequest,
  type Request,
} from "./http_server.ts";

/** Returns the response to a request that is not allowed, or undefined to allow it. */
export type Guard = (request: Request) => Answer | undefined;

interface Rule {
  readonly what: string | RegExp;
  readonly fault: Fault;
  left: number;
}

/** A web server on a free loopback port that can be made to fail. */
export abstract class FaultyServer implements AsyncDisposable {
  readonly #rules: Rule[] = [];
  #server!: HttpServer;
  /** Called before every response. */
  guard: Guard | undefined;

  /** Listens; called once. */
  protected async listen(): Promise<void> {
    this.#server = await HttpServer.start((request) => this.#handle(request));
  }

  /** Returns the response of a server without faults. */
  protected abstract answer(request: Request): Answer;

  /** `127.0.0.1:41234`. */
  get host(): string {
    return this.#server.host;
  }

  /**
   * Makes the next `times` requests fail whose line (`GET /v2/app/manifests/v1`) contains or matches `what`. Of several
   * matching rules, the oldest with times left is used.
   */
  fail(what: string | RegExp, fault: Fault, times = Infinity): void {
    this.#rules.push({ what, fault, left: times });
  }

  /** Removes all faults. */
  heal(): void {
    this.#rules.length = 0;
  }

  /** Returns the requests whose line contains or matches `what`, in the order of their responses. */
  requests(what: string | RegExp = ""): LoggedRequest[] {
    return this.#server.requests(what);
  }

  clearLog(): void {
    this.#server.clearLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #handle(request: Request): Promise<Answer> {
    const answer = this.guard?.(request) ?? this.answer(request);
    const line = `${request.method} ${request.path}`;
    const rule = this.#rules.find(({ what, left }) => left > 0 && lineMatches(line, what));
    if (!rule) return answer;
    rule.left--;
    return await rule.fault(answer, request);
  }
}
