import { GuestSockets } from "../../../src/run/sockets/guest_sockets.ts";
import { type Host, type HostSettings, openHost } from "../../../src/run/wasi/host.ts";
import { BufferedInput, InputStream } from "../../../src/run/wasi/io/input_stream.ts";
import { StandardOutput } from "../../../src/run/wasi/io/stdio.ts";

/** What a guest is granted where a test does not say: nothing. */
export const NOTHING: HostSettings = {
  args: ["guest"],
  env: [],
  mounts: [],
  allowedHosts: [],
  variables: {},
  stdin: "empty",
  grantor: "options",
};

/** Keeps what is written to it, as text. */
class Recording {
  text = "";
  readonly isTerminal = () => false;
  readonly #decoder = new TextDecoder();

  writeSync(bytes: Uint8Array): number {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return bytes.length;
  }
}

/** A host whose standard streams and refusals a test can look at. */
export class GuestHost {
  readonly host: Host;
  readonly denials: string[] = [];
  readonly #sockets: GuestSockets;
  readonly #stdout = new Recording();
  readonly #stderr = new Recording();

  /** @param stdin what comes over time, piece by piece */
  constructor(settings: Partial<HostSettings> = {}, stdin: readonly string[] = []) {
    const granted = { ...NOTHING, ...settings };
    this.#sockets = new GuestSockets(granted);
    const opened = openHost(
      granted,
      (line) => this.denials.push(line),
      (port) => void this.#sockets.serve(port),
    );
    const pieces = stdin.map((piece) => new TextEncoder().encode(piece));
    const intake = new BufferedInput(() =>
      new Promise((resolve) => setTimeout(() => resolve(pieces.shift() ?? null), 0))
    );
    this.host = {
      ...opened,
      stdio: {
        stdin: () => new InputStream(intake),
        stdout: new StandardOutput(this.#stdout),
        stderr: new StandardOutput(this.#stderr),
        stdinIsTerminal: false,
      },
    };
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }
}
