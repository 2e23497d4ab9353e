import { type OutboundRule, ruleAllowsName, ruleAllowsSocket } from "./outbound_rule.ts";
import type { Grantor } from "./denials.ts";
import { type Endpoint, type Transport, urlHost } from "./endpoint.ts";

/** So many names of hosts one instance of a guest may have looked up and still reach by their addresses. */
export const MAX_LOOKED_UP_NAMES = 1024;

/** What a guest's sockets may do, as far as it is known from the beginning. */
export interface SocketSettings {
  readonly allowedHosts: readonly OutboundRule[];
  readonly grantor: Grantor;
}

/**
 * What one guest may do with sockets: reach and bind what a rule names, and reach by its address what it has looked
 * up by a name that a rule names.
 */
export class SocketGrants {
  readonly #rules: readonly OutboundRule[];
  readonly #isApp: boolean;
  /** The addresses of each name that was looked up; the oldest one comes first. */
  readonly #names = new Map<string, ReadonlySet<string>>();

  constructor({ allowedHosts, grantor }: SocketSettings) {
    this.#rules = allowedHosts;
    this.#isApp = grantor === "app";
  }

  /** Whether the addresses of a name may be asked for: it can be reached on some port. */
  mayLookUp(name: string): boolean {
    return this.#rules.some((rule) => ruleAllowsName(rule, name));
  }

  /** Says what a name was found to be. */
  learn(name: string, addresses: readonly string[]): void {
    this.#names.delete(name);
    this.#names.set(name, new Set(addresses));
    if (this.#names.size <= MAX_LOOKED_UP_NAMES) return;
    const [oldest] = this.#names.keys();
    this.#names.delete(oldest!);
  }

  /** Whether a guest may connect to an endpoint, or send to it. */
  mayReach(transport: Transport, { ip, port }: Endpoint): boolean {
    return this.#allows(transport, ip, port);
  }

  /**
   * Whether a guest may bind a socket that others can reach. Port 0 stands for any, which needs all of them. The
   * components of an app listen on none for connections: their triggers do. Source: Spin's spin-factor-wasi crate.
   */
  mayBind(transport: Transport, { ip, port }: Endpoint): boolean {
    if (this.#isApp && transport === "tcp") return false;
    return this.#allows(transport, ip, port === 0 ? undefined : port);
  }

  /** What a guest that looks up names calls an address, as URLs have hosts. */
  hostOf(ip: string): string {
    return this.#namesOf(ip)[0] ?? urlHost(ip);
  }

  #allows(transport: Transport, ip: string, port: number | undefined): boolean {
    const hosts = [urlHost(ip), ...this.#namesOf(ip)];
    return this.#rules.some((rule) =>
      hosts.some((host) => ruleAllowsSocket(rule, transport, host, port))
    );
  }

  /** The last name first. */
  #namesOf(ip: string): string[] {
    const found = [...this.#names].filter(([, addresses]) => addresses.has(ip));
    return found.map(([name]) => name).reverse();
  }
}
