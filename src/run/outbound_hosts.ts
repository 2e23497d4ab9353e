import { LarderError } from "../base/errors.ts";
import { BadText, readText } from "./bad_text.ts";
import {
  type OutboundRule,
  parseHostRule,
  parseOutboundRule,
  ruleAllows,
} from "./outbound_rule.ts";
import type { SpinComponent } from "./spin_app.ts";
import { expandTemplate, type Variables } from "./variables.ts";

/** By this name an app reaches itself, as it does by a URL without a host. */
const SELF = "self.alt";

/** What an entry of the older list says to allow everything. */
const ALLOW_ALL = "insecure:allow-all";

/** Whether a request goes to the app itself, wherever it listens. */
export function isSelfRequest(url: URL): boolean {
  return url.hostname === SELF && /^https?:$/.test(url.protocol);
}

/** The hosts that a guest may reach; none but those that a rule allows. */
export class OutboundHosts {
  readonly rules: readonly OutboundRule[];

  constructor(rules: readonly OutboundRule[]) {
    this.rules = rules;
  }

  /**
   * The hosts that a component may reach by its own `allowed_outbound_hosts`, and by the older `allowed_http_hosts`.
   * @param variables the app's
   * @param subject what it is a component of, for messages
   * @throws LarderError LDR_BAD_MANIFEST
   */
  static ofComponent(
    component: SpinComponent,
    variables: Variables,
    subject: string,
  ): OutboundHosts {
    const of = `of the component "${component.id}"`;
    const rules = component.allowedOutboundHosts.map((text) =>
      readText(
        subject,
        `the allowed host "${text}" ${of}`,
        () => parseOutboundRule(expandTemplate(text, variables)),
      )
    );
    const older = component.allowedHttpHosts.flatMap((text) =>
      readText(subject, `the allowed HTTP host "${text}" ${of}`, () => parseHttpHost(text))
    );
    return new OutboundHosts([...rules, ...older]);
  }

  /**
   * The hosts of `--allow-net[=HOSTS]`: `example.com,*.example.com:8080,10.0.0.0/8`.
   * @param hosts true for the option alone, which allows every host
   * @throws LarderError LDR_USAGE
   */
  static ofOption(hosts: string | true): OutboundHosts {
    const entries = hosts === true ? ["*"] : hosts.split(",");
    return new OutboundHosts(entries.map((entry) => {
      try {
        return parseHostRule(entry);
      } catch (error) {
        if (!(error instanceof BadText)) throw error;
        throw new LarderError("LDR_USAGE", `bad host "${entry}" in --allow-net: ${error.message}`, {
          hint: "write hosts with commas between them: example.com,*.example.com:8080,10.0.0.0/8",
          cause: error,
        });
      }
    }));
  }

  /** Whether a request to the URL may be made. */
  allows(url: URL): boolean {
    return isSelfRequest(url)
      ? this.rules.some(allowsSelf)
      : this.rules.some((rule) => ruleAllows(rule, url));
  }
}

/** The app is where it is: neither the port counts, nor which of the two schemes. */
function allowsSelf({ scheme, host }: OutboundRule): boolean {
  return (host.kind === "self" || host.kind === "any") &&
    (scheme === undefined || scheme === "http" || scheme === "https");
}

/**
 * Reads an entry of the older list, which allows HTTP and HTTPS alike.
 * Source: Spin's spin-manifest crate, `convert_allowed_http_to_allowed_hosts`.
 * @throws BadText
 */
function parseHttpHost(text: string): OutboundRule[] {
  if (text === ALLOW_ALL) return ["http://*:*", "https://*:*"].map(parseOutboundRule);
  const url = URL.parse(text.includes("//") ? text : `http://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw new BadText("it is not a host of HTTP");
  const { username, password, pathname, search, hash } = url;
  if (`${username}${password}${search}${hash}` !== "" || pathname !== "/") {
    throw new BadText("it has more than a host and a port");
  }
  return [`http://${url.host}`, `https://${url.host}`].map(parseOutboundRule);
}
