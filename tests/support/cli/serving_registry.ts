import assert from "node:assert/strict";
import { ServingProcess } from "./serving_process.ts";
import type { Result, RunOptions, TestUser } from "./test_user.ts";

type Init = RequestInit & { client?: Deno.HttpClient };

/** The registries of tests are on loopback. */
const LOOPBACK = ["--allow", "*", "--allow", "127.0.0.1:*", "--allow", "localhost:*"];

/** A `larder serve`. */
export class ServingRegistry extends ServingProcess {
  /** Starts it and waits until it serves. @param args arguments after `larder serve`; without `--allow`, all upstreams may be named */
  static async start(
    user: TestUser,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<ServingRegistry> {
    const allow = args.includes("--allow") ? [] : LOOPBACK;
    return new ServingRegistry(
      await ServingProcess.spawn(user, ["serve", ...allow, ...args], options),
    );
  }

  /** `127.0.0.1:41234`. */
  get host(): string {
    return new URL(this.url).host;
  }

  /** Its process id. */
  get pid(): number {
    return this.running.pid;
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

  /** Ends it as `docker stop` does, and returns its result. */
  override async stop(): Promise<Result> {
    return await super.stop("SIGTERM");
  }
}

/** Returns an address on loopback that nobody listens on. */
export function freeAddress(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}
