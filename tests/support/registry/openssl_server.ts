import { childEnvironment } from "../cli/environment.ts";
import type { ServerCertificate } from "./certificates.ts";

/** A TLS server of openssl, which supports what Deno's does not: old versions and ciphers, client certificates. */
export class OpensslServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly host: string;

  private constructor(
    process: Deno.ChildProcess,
    output: ReadableStreamDefaultReader<string>,
    host: string,
  ) {
    this.#process = process;
    this.#output = output;
    this.host = host;
  }

  /**
   * Starts a server that answers every request with 200.
   * @param options of `openssl s_server`
   */
  static async start(
    { certificate, key }: ServerCertificate,
    ...options: readonly string[]
  ): Promise<OpensslServer> {
    const process = new Deno.Command("openssl", {
      args: [
        ...["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", certificate, "-key", key],
        ...options,
      ],
      clearEnv: true,
      env: childEnvironment(),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await output.read();
      if (done) throw new Error(`openssl s_server did not start: ${text}`);
      text += value;
      const host = /ACCEPT (127\.0\.0\.1:\d+)/.exec(text)?.[1];
      if (host) return new OpensslServer(process, output, host);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#output.cancel();
  }
}
