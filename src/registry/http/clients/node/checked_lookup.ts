import { lookup, type LookupAddress } from "node:dns";
import { lookup as resolve } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import process from "node:process";
import { withoutBrackets } from "../../../../base/url_host.ts";
import { type CheckAddress, checkLiteral } from "./checked_address.ts";

// Deno 2.4 warns on stderr about a module of its own, punycode, that looking a name up uses.
Object.assign(process, { noDeprecation: true });

/**
 * Returns the function that resolves the host of a URL for Node's client, which then connects to one of the addresses
 * that it returns and resolves nothing again: a name that changes between the check and the connection (DNS rebinding)
 * has no effect. Addresses that fail the check are left out; if all do, the connection fails with the error of the
 * first.
 *
 * @throws LarderError of the check if the host is an address, which is not looked up
 */
export function checkedLookup(url: URL, check: CheckAddress): LookupFunction {
  checkLiteral(url, check);
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const { passed, refusal } = partition(url, addresses, check);
      const [first] = passed;
      if (!first) return callback(refusal as NodeJS.ErrnoException, []);
      if (options.all) callback(null, passed);
      else callback(null, first.address, first.family);
    });
  };
}

/**
 * Resolves the host of a URL and checks all its addresses, for runtimes whose clients cannot be told the address: they
 * resolve the name again, so that one that changes in between is not noticed.
 *
 * @throws LarderError of the check; Error if the name cannot be resolved
 */
export async function checkNames(url: URL, check: CheckAddress): Promise<void> {
  const host = withoutBrackets(url.hostname);
  for (const { address } of await resolve(host, { all: true })) check(url, address);
}

function partition(
  url: URL,
  addresses: readonly LookupAddress[],
  check: CheckAddress,
): { passed: LookupAddress[]; refusal: unknown } {
  const passed: LookupAddress[] = [];
  let refusal: unknown;
  for (const each of addresses) {
    try {
      check(url, each.address);
      passed.push(each);
    } catch (error) {
      refusal ??= error;
    }
  }
  return { passed, refusal };
}
