import { printable } from "../../base/errors.ts";
import { urlHost } from "../../base/url_host.ts";
import { type Endpoint, type Transport } from "./endpoint.ts";

/** Denials reported for one thread; a guest could think of new ones without end. */
export const MAX_REPORTED_DENIALS = 20;

const UNLISTED = "the app does not list it in allowed_outbound_hosts";

/** The source of a guest's grants: the options of the command line, or the Spin app that it belongs to. */
export type Grantor = "options" | "app";

/** Reports, once each, the accesses that guests of one thread were denied, and what would grant them. */
export class Denials {
  readonly #grantor: Grantor;
  readonly #report: (line: string) => void;
  readonly #reported = new Set<string>();

  constructor(grantor: Grantor, report: (line: string) => void) {
    this.#grantor = grantor;
    this.#report = report;
  }

  /** An HTTP request to a host. */
  network(url: URL): void {
    const endpoint = `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
    this.#add(
      this.#grantor === "app"
        ? `refused to connect to ${url.origin}: ${UNLISTED}`
        : `refused to connect to ${endpoint}: allow it with --allow-net=${endpoint}`,
    );
  }

  /** A change in a folder that is granted for reading. */
  writing(host: string, guest: string): void {
    this.#add(`refused to change ${guest}: allow it with --dir ${host}::${guest}, without :ro`);
  }

  /** A path, or a link on it, that leads out of a granted folder. */
  leaving(guest: string, path: string): void {
    this.#add(`refused to follow ${path} out of ${guest}: grant its target with --dir`);
  }

  /** @param endpoint a host and a port, as URLs have them */
  socket(transport: Transport, endpoint: string): void {
    const verb = transport === "tcp" ? "connect to" : "send to";
    this.#add(
      this.#grantor === "app"
        ? `refused to ${verb} ${transport}://${endpoint}: ${UNLISTED}`
        : `refused to ${verb} ${endpoint}: allow it with --allow-net=${endpoint}`,
    );
  }

  /** @param endpoint the local address; with port 0, a port that the system chooses */
  listening(transport: Transport, { ip, port }: Endpoint): void {
    const host = urlHost(ip);
    const address = port === 0 ? host : `${host}:${port}`;
    if (this.#grantor === "options") {
      this.#add(`refused to listen on ${address}: allow it with --allow-net=${address}`);
    } else if (transport === "udp") {
      this.#add(`refused to listen on udp://${address}: ${UNLISTED}`);
    } else this.#add(`refused to listen on ${address}: components of an app cannot listen`);
  }

  lookup(name: string): void {
    this.#add(
      this.#grantor === "app"
        ? `refused to look up ${name}: ${UNLISTED}`
        : `refused to look up ${name}: allow it with --allow-net=${name}`,
    );
  }

  #add(line: string): void {
    if (this.#reported.has(line) || this.#reported.size > MAX_REPORTED_DENIALS) return;
    this.#reported.add(line);
    this.#report(
      this.#reported.size > MAX_REPORTED_DENIALS
        ? "further refused accesses are not shown"
        : printable(line),
    );
  }
}
