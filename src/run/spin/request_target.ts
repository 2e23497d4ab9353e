/** The target of a request as it was sent: only the guest resolves or decodes it. */
export interface RequestTarget {
  /** The host, and the port if one was given. */
  readonly authority: string;
  readonly path: string;
  /** With its question mark; empty if there is no query. */
  readonly query: string;
}

const TARGET = /^[a-z]+:\/\/([^/?#]*)([^?#]*)([^#]*)/;

/**
 * Splits the URL of a request. `URL` would resolve `..` in the path, also in the form `%2e%2e`, which can lead to
 * another route.
 */
export function targetOf(url: string): RequestTarget {
  const [, authority = "", path, query = ""] = TARGET.exec(toAscii(url)) ?? [];
  return { authority, path: path || "/", query };
}

/** Encodes other characters than ASCII, which some clients send although neither URLs nor headers may have them. */
function toAscii(url: string): string {
  return url.replace(/[^\0-\x7f]+/g, encodeURIComponent);
}
