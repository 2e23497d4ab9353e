import { concatBytes } from "../../../base/bytes.ts";
import { GUEST_READ_AHEAD } from "../../../base/limits.ts";
import type { Host } from "../../wasi/host.ts";
import { BufferedInput, InputStream, type Source } from "../../wasi/io/input_stream.ts";
import { OutputStream } from "../../wasi/io/output_stream.ts";
import type { Stdio } from "../../wasi/io/stdio.ts";
import { type GuestRequest, isErrorResult, type ResponseSink } from "../calls.ts";
import type { Component, Instance } from "../component.ts";
import { guestTrap } from "../trap_report.ts";
import { cgiArguments, cgiVariables, statedLength } from "./environment.ts";
import { CgiResponse } from "./response.ts";

/** 16 MiB limit on a body without a length, which is read before the command starts, as it has to know the length. */
const MAX_READ_AHEAD = 16 * 1024 * 1024;

/** A component that is a command, and what its requests share. */
export interface CgiProgram {
  readonly component: Component;
  readonly host: Host;
  /** The arguments, with `${SCRIPT_NAME}` and `${ARGS}` for parts of the request. */
  readonly argv: string;
}

/**
 * Runs a command for one request. Source: Spin's spin-trigger-http crate, `wagi.rs`.
 * @param onStart receives the instance, which can be disposed of to end the command
 * @throws GuestTrap; Error if the command prints no response or exits with another code than 0
 */
export async function callCgi(
  { component, host, argv }: CgiProgram,
  { head, body }: GuestRequest,
  sink: ResponseSink,
  onStart: (instance: Instance) => void,
): Promise<void> {
  const response = new CgiResponse(sink, head.method === "HEAD");
  const { length, read } = await measured(body, statedLength(head.headers));
  const { settings } = host;
  const stdio = new CgiStdio(host.stdio, read, response);
  using instance = component.start({
    ...host,
    stdio,
    settings: {
      ...settings,
      args: cgiArguments(argv, head),
      env: [...settings.env, ...cgiVariables(head, length)],
    },
  });
  onStart(instance);
  try {
    await instance.interface<{ run(): Promise<void> }>("wasi:cli/run@")!.run();
  } catch (error) {
    const isExit = instance.exitCode !== undefined || isErrorResult(error);
    if (!isExit) throw guestTrap(error, instance.memoryUse);
  }
  await stdio.drained();
  if (instance.exitCode) throw new Error(`the guest exited with code ${instance.exitCode}`);
  response.finish();
}

/** Returns a body and its length, for which it is read if it is not known. */
async function measured(
  body: Source,
  stated: number | undefined,
): Promise<{ length: number; read: Source }> {
  if (stated !== undefined) return { length: stated, read: body };
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let piece; (piece = await body(GUEST_READ_AHEAD)) !== null;) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_READ_AHEAD) {
      throw new Error(`the request has no content-length and more than ${MAX_READ_AHEAD} bytes`);
    }
  }
  const whole = [concatBytes(pieces)];
  return { length, read: () => length === 0 ? null : whole.pop() ?? null };
}

/** The standard streams of a command: the body of its request, and its response. */
class CgiStdio implements Stdio {
  readonly stdinIsTerminal = false;
  readonly stderr: Stdio["stderr"];
  readonly stdout: Stdio["stdout"];
  readonly #input: BufferedInput;
  readonly #streams: OutputStream[] = [];

  constructor({ stderr }: Stdio, read: Source, response: CgiResponse) {
    this.stderr = stderr;
    this.#input = new BufferedInput(read);
    this.stdout = {
      isTerminal: false,
      stream: () => {
        const stream = new OutputStream((bytes) => response.write(bytes));
        this.#streams.push(stream);
        return stream;
      },
      drained: () => this.drained(),
    };
  }

  stdin(): InputStream {
    return new InputStream(this.#input);
  }

  /** Resolves once everything that was printed is passed on, or cannot be. */
  async drained(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => OutputStream.drained(stream)));
  }
}
