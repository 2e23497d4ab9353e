import { OutboundHosts } from "../grants/outbound_hosts.ts";
import { type OutboundRule, parseOutboundRule } from "../grants/outbound_rule.ts";
import { parseLockedText, SyntaxFault } from "../grants/syntax_fault.ts";
import type { SpinComponent } from "./app.ts";
import { expandTemplate, type Variables } from "./variables.ts";

/** What an entry of the older list says to allow everything. */
const ALLOW_ALL = "insecure:allow-all";

/**
 * The hosts that a component may reach by its own `allowed_outbound_hosts`, and by the older `allowed_http_hosts`.
 * @param variables the app's
 * @param subject what it is a component of, for messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function allowedHosts(
  component: SpinComponent,
  variables: Variables,
  subject: string,
): OutboundHosts {
  const of = `of the component "${component.id}"`;
  const rules = component.allowedOutboundHosts.map((text) =>
    parseLockedText(
      subject,
      `the allowed host "${text}" ${of}`,
      () => parseOutboundRule(expandTemplate(text, variables)),
    )
  );
  const older = component.allowedHttpHosts.flatMap((text) =>
    parseLockedText(subject, `the allowed HTTP host "${text}" ${of}`, () => parseHttpHost(text))
  );
  return new OutboundHosts([...rules, ...older]);
}

/**
 * Reads an entry of the older list, which allows HTTP and HTTPS alike.
 * Source: Spin's spin-manifest crate, `convert_allowed_http_to_allowed_hosts`.
 * @throws BadText
 */
function parseHttpHost(text: string): OutboundRule[] {
  if (text === ALLOW_ALL) return ["http://*:*", "https://*:*"].map(parseOutboundRule);
  const url = URL.parse(text.includes("//") ? text : `http://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw new SyntaxFault("it is not a host of HTTP");
  const { username, password, pathname, search, hash } = url;
  if (`${username}${password}${search}${hash}` !== "" || pathname !== "/") {
    throw new SyntaxFault("it has more than a host and a port");
  }
  return [`http://${url.host}`, `https://${url.host}`].map(parseOutboundRule);
}
