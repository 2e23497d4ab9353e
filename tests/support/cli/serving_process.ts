import type { Result, Running, RunOptions, TestUser } from "./test_user.ts";

/** A larder that serves HTTP, on a free port by default. Disposing kills it if it is still running. */
export abstract class ServingProcess implements AsyncDisposable {
  protected readonly running: Running;
  /** Its address: `http://127.0.0.1:41234`. */
  readonly url: string;

  protected constructor({ running, url }: { running: Running; url: string }) {
    this.running = running;
    this.url = url;
  }

  /** Starts it and waits until it serves. @throws Error with its stderr if it ends instead */
  protected static async spawn(
    user: TestUser,
    [command, ...args]: readonly [string, ...string[]],
    options: RunOptions,
  ): Promise<{ running: Running; url: string }> {
    const listen = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
    const running = user.spawn([command, ...listen, ...args], options);
    await running.said("Serving ");
    const url = /^Serving .* at (https?:\S+)$/m.exec(running.stderr)?.[1];
    if (url) return { running, url };
    await running[Symbol.asyncDispose]();
    throw new Error(`larder ${command} ${args.join(" ")} does not serve: ${running.stderr}`);
  }

  /** Its stderr so far. */
  get stderr(): string {
    return this.running.stderr;
  }

  get result(): Promise<Result> {
    return this.running.result;
  }

  /** Resolves once it has written the text to stderr or has ended. */
  said(text: string): Promise<void> {
    return this.running.said(text);
  }

  kill(signal?: Deno.Signal): void {
    this.running.kill(signal);
  }

  /** Ends it in order and returns its result. */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<Result> {
    this.kill(signal);
    return await this.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running[Symbol.asyncDispose]();
  }
}
