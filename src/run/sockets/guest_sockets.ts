import type { SocketSettings } from "../grants/socket_grants.ts";
import type { SocketHost } from "./socket_host.ts";

/** The sockets of all guests of one thread. What they need is loaded when the first guest wants one. */
export class GuestSockets {
  readonly #settings: SocketSettings;
  readonly #hosts = new Set<SocketHost>();
  #isClosed = false;

  constructor(settings: SocketSettings) {
    this.#settings = settings;
  }

  /** Has the sockets of the guest that asks for them at the port, until the guest ends. */
  async serve(port: MessagePort): Promise<void> {
    const { SocketHost } = await import("./socket_host.ts");
    if (this.#isClosed) return port.close();
    const host = new SocketHost(port, this.#settings, () => this.#hosts.delete(host));
    this.#hosts.add(host);
  }

  /** Closes all of them at once: their thread is no more. */
  close(): void {
    this.#isClosed = true;
    for (const host of this.#hosts) host.abort();
  }
}
