import { GUEST_READ_AHEAD } from "../../../base/limits.ts";
import { BufferedInput, InputStream, type Source } from "./input_stream.ts";
import { OutputStream } from "./output_stream.ts";

/** How long a pipe that is full is left alone, where its reader made it one that does not block. */
const OUTPUT_PAUSE = 5;

/** The part of a Deno standard stream that is used here. */
export interface OutputFile {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** One of the process's own outputs, which all streams to it share: what one writes first comes first. */
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

  /** Resolves once all is out; never rejects. */
  async drained(): Promise<void> {
    while (this.#tail) await this.#tail.catch(() => {});
  }

  #write(bytes: Uint8Array): Promise<void> | void {
    const rest = this.#tail ? bytes : bytes.subarray(this.#writeNow(bytes));
    if (rest.length === 0) return;
    const tail = (this.#tail ?? Promise.resolve()).catch(() => {}).then(() =>
      this.#writeLater(rest)
    )
      .finally(() => {
        if (this.#tail === tail) this.#tail = undefined;
      });
    return this.#tail = tail;
  }

  /** Writes until all is out, or until the pipe is full and does not block; returns how much was written. */
  #writeNow(bytes: Uint8Array): number {
    let at = 0;
    try {
      while (at < bytes.length) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
    }
    return at;
  }

  /** Deno cannot tell when a full pipe that does not block has room again. */
  async #writeLater(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += this.#writeNow(bytes.subarray(at))) {
      await new Promise((resolve) => setTimeout(resolve, OUTPUT_PAUSE));
    }
  }
}

/** The standard streams that the guests of one thread have. */
export interface Stdio {
  stdin(): InputStream;
  readonly stdout: StandardOutput;
  readonly stderr: StandardOutput;
  readonly stdinIsTerminal: boolean;
}

/** The process's own standard streams; an empty stdin is one that is at its end. */
export function openStdio(stdin: "inherit" | "empty"): Stdio {
  const intake = new BufferedInput(stdin === "inherit" ? readStdin : () => null);
  return {
    stdin: () => new InputStream(intake),
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
