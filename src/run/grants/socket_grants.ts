import { urlHost } from "../../base/url_host.ts";
import type { Grantor } from "./denials.ts";
import { type Endpoint, type Transport } from "./endpoint.ts";
import { type OutboundRule, ruleAllowsName, ruleAllowsSocket } from "./outbound_rule.ts";

/** Names whose addresses are remembered for one instance of a guest; the oldest is forgotten first. */
export const MAX_LOOKED_UP_NAMES = 1024;

/** The grants of a guest's sockets, without those that it gains by looking up names. */
export interface SocketSettings {
  readonly allowedHosts: readonly OutboundRule[];
  readonly grantor: Grantor;
}

/**
 * Decides what the sockets of one guest may do: reach and bind the hosts that a rule names, and reach the addresses
 * that such a name was resolved to.
 */
export class SocketGrants {
  readonly #rules: readonly OutboundRule[];
  readonly #isApp: boolean;
  /** Addresses by name, the earliest lookup first. */
  readonly #names = new Map<string, ReadonlySet<string>>();

  constructor({ allowedHosts, grantor }: SocketSettings) {
    this.#rules = allowedHosts;
    this.#isApp = grantor === "app";
  }

  /** True if a guest may look up a name, because it may reach at least one port of it. */
  mayLookUp(name: string): boolean {
    return this.#rules.some((rule) => ruleAllowsName(rule, name));
  }

  /** Remembers the addresses that a name was resolved to. */
  learn(name: string, addresses: readonly string[]): void {
    this.#names.delete(name);
    this.#names.set(name, new Set(addresses));
    if (this.#names.size <= MAX_LOOKED_UP_NAMES) return;
    const [oldest] = this.#names.keys();
    this.#names.delete(oldest!);
  }

  /** True if a guest may connect or send to an endpoint. */
  mayReach(transport: Transport, { ip, port }: Endpoint): boolean {
    return this.#allows(transport, ip, port);
  }

  /**
   * True if a guest may bind a socket that others can reach. Port 0 lets the system choose, which needs a rule for
   * all ports. Components of an app may not listen for TCP connections. Source: Spin's spin-factor-wasi crate.
   */
  mayBind(transport: Transport, { ip, port }: Endpoint): boolean {
    if (this.#isApp && transport === "tcp") return false;
    return this.#allows(transport, ip, port === 0 ? undefined : port);
  }

  /** Returns the name by which a guest last looked an address up, or the address, in the form of URLs. */
  hostOf(ip: string): string {
    return this.#namesOf(ip)[0] ?? urlHost(ip);
  }

  #allows(transport: Transport, ip: string, port: number | undefined): boolean {
    const hosts = [urlHost(ip), ...this.#namesOf(ip)];
    return this.#rules.some((rule) =>
      hosts.some((host) => ruleAllowsSocket(rule, transport, host, port))
    );
  }

  /** Returns the names of an address, the latest lookup first. */
  #namesOf(ip: string): string[] {
    const matching = [...this.#names].filter(([, addresses]) => addresses.has(ip));
    return matching.map(([name]) => name).reverse();
  }
}
