import { LarderError } from "../../base/errors.ts";
import { type OutboundRule, parseHostRule, ruleAllows } from "./outbound_rule.ts";
import { SyntaxFault } from "./syntax_fault.ts";

/** The host name by which an app reaches itself, as it does by a URL without a host. */
const SELF = "self.alt";

/** True if a request goes to the app itself, wherever it listens. */
export function isSelfRequest(url: URL): boolean {
  return url.hostname === SELF && /^https?:$/.test(url.protocol);
}

/** The hosts that a guest may reach: those that a rule allows. */
export class OutboundHosts {
  readonly rules: readonly OutboundRule[];

  constructor(rules: readonly OutboundRule[]) {
    this.rules = rules;
  }

  /**
   * Parses the hosts of `--allow-net[=HOSTS]`: `example.com,*.example.com:8080,10.0.0.0/8`.
   * @param hosts true for the option without a value, which allows every host
   * @throws LarderError LDR_USAGE
   */
  static ofOption(hosts: string | true): OutboundHosts {
    const entries = hosts === true ? ["*"] : hosts.split(",");
    return new OutboundHosts(entries.map((entry) => {
      try {
        return parseHostRule(entry);
      } catch (error) {
        if (!(error instanceof SyntaxFault)) throw error;
        throw new LarderError("LDR_USAGE", `bad host "${entry}" in --allow-net: ${error.message}`, {
          hint: "separate hosts by commas: example.com,*.example.com:8080,10.0.0.0/8",
          cause: error,
        });
      }
    }));
  }

  /** True if a guest may send a request to the URL. */
  allows(url: URL): boolean {
    return isSelfRequest(url)
      ? this.rules.some(allowsSelf)
      : this.rules.some((rule) => ruleAllows(rule, url));
  }
}

/** True if a rule allows the app itself; its port is ignored, and so is the choice of HTTP or HTTPS. */
function allowsSelf({ scheme, host }: OutboundRule): boolean {
  return (host.kind === "self" || host.kind === "any") &&
    (scheme === undefined || scheme === "http" || scheme === "https");
}
