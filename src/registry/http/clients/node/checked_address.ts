import { isIP } from "node:net";
import { withoutBrackets } from "../../../../base/url_host.ts";

/**
 * Decides on the address of a connection, for a server that asks hosts which its clients name.
 * @throws LarderError if larder must not connect to this address for this URL
 */
export type CheckAddress = (url: URL, address: string) => void;

/** Checks the host of a URL if it is an address. @throws LarderError of the check */
export function checkLiteral(url: URL, check: CheckAddress): void {
  const host = withoutBrackets(url.hostname);
  if (isIP(host)) check(url, host);
}
