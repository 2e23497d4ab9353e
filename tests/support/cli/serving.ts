import type { Result, Running, RunOptions, TestUser } from "./test_user.ts";

/** A `larder run` that serves HTTP. Disposing kills it if it is still running. */
export class Serving implements AsyncDisposable {
  readonly #running: Running;
  /** Its address: `http://127.0.0.1:41234`. */
  readonly url: string;

  private constructor(running: Running, url: string) {
    this.#running = running;
    this.url = url;
  }

  /**
   * Starts it on a free port and waits until it serves.
   * @param args arguments after `larder run`
   */
  static async start(
    user: TestUser,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<Serving> {
    const running = user.spawn(["run", "--listen", "127.0.0.1:0", ...args], options);
    await running.said("Serving ");
    const url = /^Serving .* at (http:\S+)$/m.exec(running.stderr)?.[1];
    if (url) return new Serving(running, url);
    const { code, stderr } = await running.result;
    throw new Error(`larder run ${args.join(" ")} ended with ${code}: ${stderr}`);
  }

  /** Its stderr so far. */
  get stderr(): string {
    return this.#running.stderr;
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.url), { redirect: "manual", ...init });
  }

  /** Returns the status of a response and its body as text. */
  async get(path: string, init?: RequestInit): Promise<[status: number, body: string]> {
    const response = await this.fetch(path, init);
    return [response.status, await response.text()];
  }

  /** Resolves once it has written the text to stderr or has ended. */
  said(text: string): Promise<void> {
    return this.#running.said(text);
  }

  kill(signal?: Deno.Signal): void {
    this.#running.kill(signal);
  }

  get result(): Promise<Result> {
    return this.#running.result;
  }

  /** Sends SIGINT and returns the result. */
  async stop(): Promise<Result> {
    this.kill("SIGINT");
    return await this.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }
}
