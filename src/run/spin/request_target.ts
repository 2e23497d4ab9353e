/** The target of a request as it was sent: only the guest resolves or decodes it. */
export interface RequestTarget {
  /** The host, and the port if one was given. */
  readonly authority: string;
  readonly path: string;
  /** With its question mark; empty if there is no query. */
  readonly query: string;
}

const TARGET = /^https?:\/\/([^/?#]*)([^?#]*)([^#]*)/i;

/** A host and optionally a port, with nothing else that URLs can contain (RFC 9112 §3.2). */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/;

/**
 * Splits the URL of a request, which has the host of an absolute target, or else that of the field `host`. `URL` would
 * resolve `..` in the path, also in the form `%2e%2e`, which can lead to another route.
 *
 * @param host the field `host`, which is checked even if the target is absolute
 * @returns undefined for a request that has to be refused: its host is invalid, or its target is of another scheme
 */
export function targetOf(url: string, host: string | null): RequestTarget | undefined {
  const match = TARGET.exec(toAscii(url));
  if (!match || (host !== null && !AUTHORITY.test(host))) return undefined;
  const [, authority = "", path, query = ""] = match;
  return AUTHORITY.test(authority) ? { authority, path: path || "/", query } : undefined;
}

/** Encodes other characters than ASCII, which some clients send although neither URLs nor headers may have them. */
function toAscii(url: string): string {
  return url.replace(/[^\0-\x7f]+/g, encodeURIComponent);
}
