import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BINARY_PERMISSIONS } from "../../../scripts/binary_permissions.ts";
import { TemporaryFolder } from "../temporary.ts";
import { childEnvironment } from "./environment.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

/** The exit code and the output of a run of larder. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** A program with arguments that starts larder, such as a tracer. */
  readonly under?: readonly string[];
}

/**
 * A user with an empty home folder who runs larder as a process: the sources, or the binary of `LARDER_BIN`. The
 * process does not inherit the environment of the tests: no proxies, no credentials.
 */
export class TestUser implements Disposable {
  readonly #folder = new TemporaryFolder();

  /** The home folder. */
  get home(): string {
    return this.#folder.path;
  }

  /** The cache folder. larder writes to `registry` in it. */
  get cache(): string {
    return this.path(".cache/larder");
  }

  /** The registry folder, with everything that larder has downloaded. */
  get registry(): string {
    return join(this.cache, "registry");
  }

  /** Returns a path in the home folder. */
  path(name: string): string {
    return join(this.home, name);
  }

  /** Writes a file in the home folder, an object as JSON, and returns its path. */
  write(name: string, content: string | Uint8Array | object): string {
    const path = this.path(name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else {Deno.writeTextFileSync(
        path,
        typeof content === "string" ? content : JSON.stringify(content),
      );}
    return path;
  }

  /** Runs larder and returns its result: `user.larder(["pull", reference])`. */
  async larder(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    await using running = this.spawn(args, options);
    return await running.result;
  }

  /** Starts larder. */
  spawn(args: readonly string[], options: RunOptions = {}): Running {
    const [program, ...rest] = [...options.under ?? [], ...larderCommand(), ...args];
    const process = new Deno.Command(program!, {
      args: rest,
      cwd: this.home,
      clearEnv: true,
      env: childEnvironment({ HOME: this.home, ...options.env }),
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new Running(process, options.stdin);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** Milliseconds after which a process counts as hanging and is killed. */
const TIME_LIMIT = 180_000;

/** A running larder or another process. Disposing kills it if it is still running. */
export class Running implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];
  readonly #stderrWaiters: { text: string; found: () => void }[] = [];
  #stdout = "";
  #stderr = "";
  /** Its exit code and output, once it has ended. */
  readonly result: Promise<Result>;

  constructor(process: Deno.ChildProcess, stdin: string | undefined) {
    this.#process = process;
    this.result = this.#collect(stdin);
  }

  /** Its stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  kill(signal: Deno.Signal = "SIGKILL"): void {
    this.#process.kill(signal);
  }

  /** Resolves once it has written the text to stderr or has ended. */
  async said(text: string): Promise<void> {
    if (this.#stderr.includes(text)) return;
    const found = new Promise<void>((resolve) => {
      this.#stderrWaiters.push({ text, found: resolve });
    });
    await Promise.race([found, this.result]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.result;
  }

  #end(): void {
    try {
      this.kill();
    } catch {
      // It has already ended.
    }
    // Its children may still run and keep the pipes open.
    for (const reader of this.#readers) void reader.cancel();
  }

  async #collect(stdin: string | undefined): Promise<Result> {
    const watch = setTimeout(() => {
      this.#stderr += `\n(killed by the test: no end after ${TIME_LIMIT / 1000} s)\n`;
      this.#end();
    }, TIME_LIMIT);
    const [status] = await Promise.all([
      this.#process.status,
      this.#read(this.#process.stdout, (text) => this.#stdout += text),
      this.#read(this.#process.stderr, (text) => this.#hear(text)),
      this.#feed(stdin),
    ]);
    clearTimeout(watch);
    return { code: status.code, stdout: this.#stdout, stderr: this.#stderr };
  }

  async #read(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    take: (text: string) => void,
  ): Promise<void> {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#readers.push(reader);
    for (let part = await reader.read(); !part.done; part = await reader.read()) take(part.value);
  }

  #hear(text: string): void {
    this.#stderr += text;
    for (const waiter of this.#stderrWaiters) {
      if (this.#stderr.includes(waiter.text)) waiter.found();
    }
  }

  async #feed(stdin: string | undefined): Promise<void> {
    if (stdin === undefined) return;
    const writer = this.#process.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode(stdin));
      await writer.close();
    } catch {
      // It ended before it had read all of stdin.
    }
  }
}

/**
 * Returns the command line that starts larder: the binary of `LARDER_BIN`, the bundle of `LARDER_BUNDLE`, which
 * starts twice as fast as the sources, or the sources. Bundle and sources have the permissions of the binary and no
 * others: more would hide what the binary may not do.
 */
export function larderCommand(): string[] {
  const { LARDER_BIN, LARDER_BUNDLE } = Deno.env.toObject();
  if (LARDER_BIN) return [LARDER_BIN];
  const options = ["--no-check", "--quiet", "--config", join(PROJECT, "deno.json")];
  const main = LARDER_BUNDLE || join(PROJECT, "main.ts");
  return [Deno.execPath(), "run", ...BINARY_PERMISSIONS, ...options, main];
}
