import { LarderError } from "../../base/errors.ts";
import { isGlob, matchesGlob } from "../../base/glob.ts";
import { type Reference, repositoryName } from "../../oci/reference.ts";
import { apiBase } from "../../registry/endpoints.ts";
import type { CheckAddress } from "../../registry/http/clients/node/checked_address.ts";
import { hostOf } from "./allow_patterns.ts";
import { privateKindOf } from "./private_address.ts";

/**
 * Decides which upstreams a server may ask, because its clients name them. Patterns are globs of `HOST` or
 * `HOST/REPOSITORY`. Without any, every public upstream is allowed.
 *
 * An address that is not public is connected to only if a pattern spells the host out: `*` and `*.example.com` do not
 * match names that resolve into the server's own network or to the metadata of a cloud provider.
 */
export class UpstreamRules {
  readonly #patterns: readonly string[];
  /** Globs of the hosts that may have private addresses; only their port can be a wildcard. */
  readonly #spelledOut: readonly string[];

  /**
   * @param patterns as {@link parseAllow} returns them
   * @param defaultUpstream is spelled out too, but allowed only if the patterns match it
   */
  constructor(patterns: readonly string[], defaultUpstream?: string) {
    this.#patterns = patterns;
    this.#spelledOut = [...patterns.map(hostOf), ...defaultUpstream ? [defaultUpstream] : []]
      .filter((host) => !isGlob(host.replace(/:[\d*?]+$/, "")))
      .flatMap((host) => isGlob(host) ? [host] : [host, apiBase(host).host]);
  }

  /** True if clients may name this upstream. */
  allows(upstream: Reference): boolean {
    const name = repositoryName(upstream);
    return this.#patterns.length === 0 ||
      this.#patterns.some((pattern) =>
        matchesGlob(pattern, pattern.includes("/") ? name : upstream.registry)
      );
  }

  /** @throws LarderError LDR_FORBIDDEN if this upstream is not allowed */
  checkRepository(upstream: Reference): void {
    if (this.allows(upstream)) return;
    const { registry } = upstream;
    const name = repositoryName(upstream);
    throw new LarderError("LDR_FORBIDDEN", `${name} is not an upstream of this server`, {
      hint: `add ${registry} to serve.allow, or name it with --allow`,
    });
  }

  /** Checks an address that is about to be connected to. @throws LarderError LDR_FORBIDDEN */
  readonly checkAddress: CheckAddress = ({ host, hostname, port, protocol }, address) => {
    const kind = privateKindOf(address);
    if (!kind) return;
    const names = [host, `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`];
    if (names.some((name) => this.#spelledOut.some((glob) => matchesGlob(glob, name)))) return;
    const message = `refusing to connect to ${host}: ${address} is a ${kind} address`;
    throw new LarderError("LDR_FORBIDDEN", message, {
      hint: `add ${host} to serve.allow, or name it with --allow, if clients may reach it`,
    });
  };
}
