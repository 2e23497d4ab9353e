import type { ListenAddress } from "../../../base/listener.ts";
import { withoutBrackets } from "../../../base/url_host.ts";
import { apiBase, isLoopback, type Place } from "../../../registry/endpoints.ts";

/** Addresses that stand for all of a machine. */
const ALL = ["0.0.0.0", "::"];

/** True if a place is the server at this address, as far as the address shows: names other than localhost do not. */
export function isServerAt({ hostname, port }: ListenAddress, { registry }: Place): boolean {
  const url = apiBase(registry);
  const host = withoutBrackets(url.hostname);
  if (Number(url.port || 443) !== port) return false;
  return host === hostname ||
    (isLoopback(host) && (isLoopback(hostname) || ALL.includes(hostname)));
}
