import { OutboundHosts } from "../grants/outbound_hosts.ts";
import { type OutboundRule, parseOutboundRule } from "../grants/outbound_rule.ts";
import { SyntaxFault } from "../grants/syntax_fault.ts";
import type { SpinComponent } from "./app.ts";
import { parseLockedText } from "./locked_text.ts";
import { expandTemplate, type Variables } from "./variables.ts";

/** The entry of `allowed_http_hosts` that allows every host. */
const ALLOW_ALL = "insecure:allow-all";

/**
 * Returns the hosts that a component's `allowed_outbound_hosts`, and the older `allowed_http_hosts`, allow.
 * @param variables values of the app's variables
 * @param subject name of the app, for messages
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
 * Parses an entry of `allowed_http_hosts`, which allows both HTTP and HTTPS.
 * Source: Spin's spin-manifest crate, `convert_allowed_http_to_allowed_hosts`.
 * @throws SyntaxFault
 */
function parseHttpHost(text: string): OutboundRule[] {
  if (text === ALLOW_ALL) return ["http://*:*", "https://*:*"].map(parseOutboundRule);
  const url = URL.parse(text.includes("//") ? text : `http://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw new SyntaxFault("it is not an HTTP host");
  const { username, password, pathname, search, hash } = url;
  if (`${username}${password}${search}${hash}` !== "" || pathname !== "/") {
    throw new SyntaxFault("it has more than a host and a port");
  }
  return [`http://${url.host}`, `https://${url.host}`].map(parseOutboundRule);
}
