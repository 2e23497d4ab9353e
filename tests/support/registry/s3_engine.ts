import { join } from "node:path";
import { findProgram, run } from "../cli/commands.ts";
import { childEnvironment } from "../cli/environment.ts";
import { TemporaryFolder } from "../temporary.ts";
import { until } from "../until.ts";

/** The server of moto (PyPI: `moto[server]`), which implements S3 and STS without checking signatures. */
export const MOTO = findProgram("moto_server");

/**
 * versitygw, which checks signatures as larder's own {@link S3Server} does, if it is on the search path:
 * `go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`. Building it took 93 of the 247 seconds of
 * `deno task soak`.
 */
export const VERSITYGW = findProgram("versitygw");

const BUCKET = "test-bucket";
const ACCESS_KEY = "TESTACCESSKEY";
const SECRET_KEY = "test/secret+key";

/** A server of S3 that is none of larder's own, on a free loopback port, with one bucket. */
export class S3Engine implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: TemporaryFolder;
  /** `http://127.0.0.1:41234`. */
  readonly endpoint: string;

  private constructor(process: Deno.ChildProcess, folder: TemporaryFolder, endpoint: string) {
    this.#process = process;
    this.#folder = folder;
    this.endpoint = endpoint;
  }

  /** Starts {@link MOTO}. */
  static async moto(): Promise<S3Engine> {
    return await S3Engine.#start(MOTO!, () => ["-H", "127.0.0.1", "-p", "0"]);
  }

  /** Starts {@link VERSITYGW}. */
  static async versitygw(): Promise<S3Engine> {
    return await S3Engine.#start(VERSITYGW!, (folder) => {
      const port = freePort();
      return ["--port", `127.0.0.1:${port}`, "--keep-alive", "posix", folder];
    });
  }

  /** What it has said. */
  get log(): string {
    return Deno.readTextFileSync(logOf(this.#folder));
  }

  /** The variables that give a process access. */
  readonly environment = {
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
  };

  /** The settings of `shared` for the bucket. */
  settings(settings: object = {}): object {
    return { url: `s3://${BUCKET}/team`, endpoint: this.endpoint, ...settings };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    await this.#process.status;
    this.#folder[Symbol.dispose]();
  }

  static async #start(
    program: string,
    args: (folder: string) => readonly string[],
  ): Promise<S3Engine> {
    const folder = new TemporaryFolder();
    const log = logOf(folder);
    const data = join(folder.path, "data");
    Deno.mkdirSync(data);
    Deno.writeTextFileSync(log, "");
    const process = new Deno.Command("sh", {
      args: ["-c", `log=$1; shift; exec "$0" "$@" >"$log" 2>&1`, program, log, ...args(data)],
      clearEnv: true,
      env: childEnvironment({ ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY }),
      stdin: "null",
    }).spawn();
    const address = () => /http:\/\/127\.0\.0\.1:\d+/.exec(Deno.readTextFileSync(log))?.[0];
    const engine = () => new S3Engine(process, folder, address() ?? "");
    try {
      await until(() => address() !== undefined, process.status);
      const started = engine();
      await started.#createBucket();
      return started;
    } catch (error) {
      const said = Deno.readTextFileSync(log);
      await engine()[Symbol.asyncDispose]();
      throw new Error(`${program} does not answer: ${said}`, { cause: error });
    }
  }

  async #createBucket(): Promise<void> {
    await run("curl", [
      ...["--silent", "--show-error", "--fail", "--request", "PUT"],
      // Its output says nothing, but a server may answer a connection that is too early.
      ...["--retry", "5", "--retry-connrefused", "--aws-sigv4", "aws:amz:us-east-1:s3"],
      ...["--user", `${ACCESS_KEY}:${SECRET_KEY}`],
      ...["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", `${this.endpoint}/${BUCKET}`],
    ]);
  }
}

function logOf(folder: TemporaryFolder): string {
  return join(folder.path, "log");
}

/** Returns a port that was free a moment ago, for a server that does not say which one it chose. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
