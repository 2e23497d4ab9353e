import type { SocketSettings } from "../grants/socket_grants.ts";
import type { SocketHost } from "./socket_host.ts";

/** The sockets of all guests of one thread. `socket_host.ts` is loaded when the first guest creates a socket. */
export class GuestSockets {
  readonly #settings: SocketSettings;
  readonly #hosts = new Set<SocketHost>();
  #isClosed = false;

  constructor(settings: SocketSettings) {
    this.#settings = settings;
  }

  /** Serves the requests of one guest that arrive at the port, until the guest ends. */
  async serve(port: MessagePort): Promise<void> {
    const { SocketHost } = await import("./socket_host.ts");
    if (this.#isClosed) return port.close();
    const host = new SocketHost(port, this.#settings, () => this.#hosts.delete(host));
    this.#hosts.add(host);
  }

  /** Closes all sockets without waiting for what is unsent, because the thread has ended. */
  close(): void {
    this.#isClosed = true;
    for (const host of this.#hosts) host.abort();
  }
}
