import { makeSymlink } from "../../../src/run/engine/command/symlinks.ts";
import { GuestSockets } from "../../../src/run/sockets/guest_sockets.ts";
import { GuestState } from "../../../src/run/state/guest_state.ts";
import { NO_STATE } from "../../../src/run/state/locations.ts";
import { type Host, type HostSettings, openHost } from "../../../src/run/wasi/host.ts";
import { BufferedInput, InputStream } from "../../../src/run/wasi/io/input_stream.ts";
import { StandardOutput } from "../../../src/run/wasi/io/stdio.ts";

/** The settings of a guest without grants. */
export const NOTHING: HostSettings = {
  args: ["guest"],
  env: [],
  mounts: [],
  allowedHosts: [],
  variables: {},
  state: NO_STATE,
  stdin: "empty",
  grantor: "options",
};

/** An output that keeps what is written to it, as text. */
class RecordedOutput {
  text = "";
  readonly isTerminal = () => false;
  readonly #decoder = new TextDecoder();

  writeSync(bytes: Uint8Array): number {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return bytes.length;
  }
}

/** A host that records its standard output, standard error and denials. */
export class GuestHost {
  readonly host: Host;
  readonly denials: string[] = [];
  readonly #sockets: GuestSockets;
  readonly #state = new GuestState([], () => {});
  readonly #stdout = new RecordedOutput();
  readonly #stderr = new RecordedOutput();

  /** @param stdin chunks, each of which arrives in a turn of the event loop of its own */
  constructor(settings: Partial<HostSettings> = {}, stdin: readonly string[] = []) {
    const allSettings = { ...NOTHING, ...settings };
    this.#sockets = new GuestSockets(allSettings);
    const opened = openHost(
      allSettings,
      (line) => this.denials.push(line),
      (port) => void this.#sockets.serve(port),
      (port) => this.#state.serve(port, allSettings.state),
      makeSymlink,
    );
    const chunks = stdin.map((text) => new TextEncoder().encode(text));
    const input = new BufferedInput(() =>
      new Promise((resolve) => setTimeout(() => resolve(chunks.shift() ?? null), 0))
    );
    this.host = {
      ...opened,
      stdio: {
        stdin: () => new InputStream(input),
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
