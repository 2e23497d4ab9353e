import { GUEST_READ_AHEAD } from "../../../base/limits.ts";
import { BufferedInput, InputStream, type Source } from "./input_stream.ts";
import { OutputStream } from "./output_stream.ts";

/** Milliseconds between two attempts to write to a full non-blocking pipe. */
const RETRY_INTERVAL = 5;

/** The part of `Deno.stdout` that is used here. */
export interface OutputFile {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** Standard output or error of the process. All streams to it share one queue, so that writes keep their order. */
export class StandardOutput {
  readonly #file: OutputFile;
  #tail: Promise<void> | undefined;

  constructor(file: OutputFile) {
    this.#file = file;
  }

  get isTerminal(): boolean {
    return this.#file.isTerminal();
  }

  stream(): OutputStream {
    return new OutputStream((bytes) => this.#write(bytes));
  }

  /** Resolves once everything is written; never rejects. */
  async drained(): Promise<void> {
    while (this.#tail) await this.#tail.catch(() => {});
  }

  #write(bytes: Uint8Array): Promise<void> | void {
    const rest = this.#tail ? bytes : bytes.subarray(this.#writeNow(bytes));
    if (rest.length === 0) return;
    const written = (this.#tail ?? Promise.resolve()).catch(() => {})
      .then(() => this.#writeLater(rest));
    const tail = written.finally(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    return this.#tail = tail;
  }

  /** Writes everything, or as much as a non-blocking pipe takes; returns the number of bytes. */
  #writeNow(bytes: Uint8Array): number {
    let count = 0;
    try {
      while (count < bytes.length) count += this.#file.writeSync(bytes.subarray(count));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
    }
    return count;
  }

  /** Polls, because Deno does not report when a full non-blocking pipe has room again. */
  async #writeLater(bytes: Uint8Array): Promise<void> {
    for (let count = 0; count < bytes.length; count += this.#writeNow(bytes.subarray(count))) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_INTERVAL));
    }
  }
}

/** What guests print to. */
export type GuestOutput = Pick<StandardOutput, "isTerminal" | "stream" | "drained">;

/** The standard streams of the guests of one thread. */
export interface Stdio {
  stdin(): InputStream;
  readonly stdout: GuestOutput;
  readonly stderr: GuestOutput;
  readonly stdinIsTerminal: boolean;
}

/** Opens the standard streams of the process; an empty stdin is at its end from the start. */
export function openStdio(stdin: "inherit" | "empty"): Stdio {
  const input = new BufferedInput(stdin === "inherit" ? readStdin : () => null);
  return {
    stdin: () => new InputStream(input),
    stdout: new StandardOutput(Deno.stdout),
    stderr: new StandardOutput(Deno.stderr),
    stdinIsTerminal: stdin === "inherit" && Deno.stdin.isTerminal(),
  };
}

const readStdin: Source = async (atMost) => {
  const buffer = new Uint8Array(Math.min(atMost, GUEST_READ_AHEAD));
  const count = await Deno.stdin.read(buffer);
  return count === null ? null : buffer.subarray(0, count);
};
