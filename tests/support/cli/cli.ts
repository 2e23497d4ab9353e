import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { childEnvironment } from "./environment.ts";
import { TemporaryFolder } from "../temporary.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

/** How a run of larder ended. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** A program, with its arguments, that starts larder in its turn: a tracer, say. */
  readonly under?: readonly string[];
}

/**
 * A user with an empty home folder who runs larder: the sources, or the binary that `LARDER_BIN` names. Nothing
 * of the environment of the tests gets through: no proxies, no credentials.
 */
export class User implements Disposable {
  readonly #folder = new TemporaryFolder();

  /** The home folder. */
  get home(): string {
    return this.#folder.path;
  }

  /** The cache folder; what larder writes is in `registry` in it. */
  get cache(): string {
    return this.path(".cache/larder");
  }

  /** The folder that holds everything that larder downloaded. */
  get registry(): string {
    return join(this.cache, "registry");
  }

  /** A path in the home folder. */
  path(name: string): string {
    return join(this.home, name);
  }

  /** Writes a file in the home folder; an object as JSON. Returns its path. */
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

  /** Runs larder to its end: `user.larder(["pull", reference])`. */
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

/** A process that has not ended by then hangs: it is killed, so that the tests end. */
const HANGING = 180_000;

/** A larder, or another process, that runs. Disposing it kills it, should it still be there. */
export class Running implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];
  readonly #stderrWaiters: { text: string; found: () => void }[] = [];
  #stdout = "";
  #stderr = "";
  /** How it ended. */
  readonly result: Promise<Result>;

  constructor(process: Deno.ChildProcess, stdin: string | undefined) {
    this.#process = process;
    this.result = this.#collect(stdin);
  }

  /** What it has written to stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The process's number. */
  get pid(): number {
    return this.#process.pid;
  }

  kill(signal: Deno.Signal = "SIGKILL"): void {
    this.#process.kill(signal);
  }

  /** Resolves once larder has written the text to stderr, or has ended. */
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
      // It has ended by itself.
    }
    // What it has started in its turn may live on, and hold the other ends.
    for (const reader of this.#readers) void reader.cancel();
  }

  async #collect(stdin: string | undefined): Promise<Result> {
    const watch = setTimeout(() => {
      this.#stderr += `\n(killed by the test: no end after ${HANGING / 1000} s)\n`;
      this.#end();
    }, HANGING);
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
      // It did not want to hear it all.
    }
  }
}

/**
 * The command line that starts larder: the binary that `LARDER_BIN` names, the bundle that `LARDER_BUNDLE` names,
 * which starts twice as fast as the sources, or the sources.
 */
export function larderCommand(): string[] {
  const { LARDER_BIN, LARDER_BUNDLE } = Deno.env.toObject();
  if (LARDER_BIN) return [LARDER_BIN];
  const options = ["-A", "--no-check", "--quiet", "--config", join(PROJECT, "deno.json")];
  return [Deno.execPath(), "run", ...options, LARDER_BUNDLE || join(PROJECT, "main.ts")];
}
