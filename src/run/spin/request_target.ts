/** What a request asks for, as it was sent: nothing of it is resolved or decoded, which is left to the guest. */
export interface RequestTarget {
  /** The host, and the port if one was given. */
  readonly authority: string;
  readonly path: string;
  /** With its question mark; empty without one. */
  readonly query: string;
}

const TARGET = /^[a-z]+:\/\/([^/?#]*)([^?#]*)([^#]*)/;

/**
 * The parts of a request's URL. `URL` would resolve `..` in its path, also as `%2e%2e`, and would put it under
 * another route than the one that it was sent to.
 */
export function targetOf(url: string): RequestTarget {
  const [, authority = "", path, query = ""] = TARGET.exec(onlyAscii(url)) ?? [];
  return { authority, path: path || "/", query };
}

/** No URL has other characters, and no header may; some clients send them nevertheless. */
function onlyAscii(url: string): string {
  return url.replace(/[^\0-\x7f]+/g, encodeURIComponent);
}
