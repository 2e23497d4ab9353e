import assert from "node:assert/strict";
import type { Result, Running, RunOptions, TestUser } from "./test_user.ts";

type Init = RequestInit & { client?: Deno.HttpClient };

/** The registries of tests are on loopback. */
const LOOPBACK = ["--allow", "*", "--allow", "127.0.0.1:*", "--allow", "localhost:*"];

/** A `larder serve` on a free port. Disposing kills it if it is still running. */
export class ServingRegistry implements AsyncDisposable {
  readonly #running: Running;
  /** Its address: `http://127.0.0.1:41234`. */
  readonly url: string;

  private constructor(running: Running, url: string) {
    this.#running = running;
    this.url = url;
  }

  /** Starts it and waits until it serves. @param args arguments after `larder serve`; without `--allow`, all upstreams may be named */
  static async start(
    user: TestUser,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<ServingRegistry> {
    const allow = args.includes("--allow") ? [] : LOOPBACK;
    const listen = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
    const running = user.spawn(["serve", ...listen, ...allow, ...args], options);
    await running.said("Serving ");
    const url = /^Serving .* at (https?:\S+)$/m.exec(running.stderr)?.[1];
    if (!url) {
      await running[Symbol.asyncDispose]();
      throw new Error(`it does not serve: ${running.stderr}`);
    }
    return new ServingRegistry(running, url);
  }

  /** `127.0.0.1:41234`. */
  get host(): string {
    return new URL(this.url).host;
  }

  /** Its process id. */
  get pid(): number {
    return this.#running.pid;
  }

  get stderr(): string {
    return this.#running.stderr;
  }

  get result(): Promise<Result> {
    return this.#running.result;
  }

  said(text: string): Promise<void> {
    return this.#running.said(text);
  }

  kill(signal?: Deno.Signal): void {
    this.#running.kill(signal);
  }

  /** Sends a request; the caller reads or cancels the body. @param path below `/v2/` */
  request(path: string, init: Init = {}): Promise<Response> {
    return fetch(`${this.url}/v2/${path}`, init);
  }

  /** Returns the bytes of a response with this status. */
  async bytes(path: string, status = 200, init: Init = {}): Promise<Uint8Array> {
    const response = await this.request(path, init);
    const body = new Uint8Array(await response.arrayBuffer());
    assert.equal(
      response.status,
      status,
      `${path}: ${new TextDecoder().decode(body.slice(0, 500))}`,
    );
    return body;
  }

  /** Returns the status and the error code of a response. */
  async error(path: string, init: Init = {}): Promise<[number, string]> {
    const response = await this.request(path, init);
    const { errors } = await response.json();
    return [response.status, errors[0].code];
  }

  /** Ends it with SIGTERM and returns its result. */
  async stop(): Promise<Result> {
    this.kill("SIGTERM");
    return await this.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }
}

/** Returns an address on loopback that nobody listens on. */
export function freeAddress(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}
