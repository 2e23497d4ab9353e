import { printable } from "../../base/errors.ts";
import { type Endpoint, type Transport, urlHost } from "./endpoint.ts";

/** So many of a guest's refused accesses are told of; a guest could think of new ones for ever. */
export const MAX_REPORTED_DENIALS = 20;

const UNLISTED = "the app does not list it in allowed_outbound_hosts";

/** Who says what a guest may do: the options of the command line, or the app that it is a part of. */
export type Grantor = "options" | "app";

/** Tells, once each, of what the guests of one thread wanted and may not, and how it would be allowed. */
export class Denials {
  readonly #grantor: Grantor;
  readonly #tell: (line: string) => void;
  readonly #told = new Set<string>();

  constructor(grantor: Grantor, tell: (line: string) => void) {
    this.#grantor = grantor;
    this.#tell = tell;
  }

  network(url: URL): void {
    const place = `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
    this.#say(
      this.#grantor === "app"
        ? `refused to connect to ${url.origin}: ${UNLISTED}`
        : `refused to connect to ${place}: allow it with --allow-net=${place}`,
    );
  }

  /** Somebody wanted to change what is in a folder of the host. */
  writing(host: string, guest: string): void {
    this.#say(`refused to change ${guest}: allow it with --dir ${host}::${guest}, without :ro`);
  }

  /** A path, or a link on it, leads out of a folder of the host. */
  leaving(guest: string, path: string): void {
    this.#say(`refused to follow ${path} out of ${guest}: grant what it means with --dir`);
  }

  /** @param place a host and a port, as URLs have them */
  socket(transport: Transport, place: string): void {
    const verb = transport === "tcp" ? "connect to" : "send to";
    this.#say(
      this.#grantor === "app"
        ? `refused to ${verb} ${transport}://${place}: ${UNLISTED}`
        : `refused to ${verb} ${place}: allow it with --allow-net=${place}`,
    );
  }

  /** @param endpoint what others would have reached the guest at; with port 0, at a port of the system's choice */
  listening(transport: Transport, { ip, port }: Endpoint): void {
    const host = urlHost(ip);
    const place = port === 0 ? host : `${host}:${port}`;
    if (this.#grantor === "options") {
      this.#say(`refused to listen on ${place}: allow it with --allow-net=${place}`);
    } else if (transport === "udp") {
      this.#say(`refused to listen on udp://${place}: ${UNLISTED}`);
    } else this.#say(`refused to listen on ${place}: the components of an app do not listen`);
  }

  lookup(name: string): void {
    this.#say(
      this.#grantor === "app"
        ? `refused to look up ${name}: ${UNLISTED}`
        : `refused to look up ${name}: allow it with --allow-net=${name}`,
    );
  }

  #say(line: string): void {
    if (this.#told.has(line) || this.#told.size > MAX_REPORTED_DENIALS) return;
    this.#told.add(line);
    this.#tell(
      this.#told.size > MAX_REPORTED_DENIALS ? "refused more than is shown here" : printable(line),
    );
  }
}
