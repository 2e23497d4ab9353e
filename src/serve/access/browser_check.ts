import { isLoopback } from "../../registry/endpoints.ts";
import { ApiError } from "../errors.ts";

/**
 * Refuses what a web page sends from another origin: no client of a registry is a browser, and a page must not make
 * larder fetch anything. Browsers send `Origin` with some of these requests and `Sec-Fetch-Site` with all of them
 * (Fetch Metadata Request Headers, W3C).
 */
export function refuseForeignPage(request: Request, host: string): ApiError | undefined {
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const isForeign = (site !== null && site !== "none" && site !== "same-origin") ||
    (origin !== null && URL.parse(origin)?.host !== host.toLowerCase());
  return isForeign
    ? new ApiError(403, "DENIED", "requests of web pages are not answered")
    : undefined;
}

/**
 * Refuses a `Host` other than this machine, so that a web page cannot reach a server on loopback by a name of its own
 * that resolves to 127.0.0.1 (DNS rebinding). Any port is accepted, since a forwarded port is another one than the
 * server's, and no part of the name that an attacker controls.
 */
export function refuseForeignHost(host: string): ApiError | undefined {
  const url = URL.parse(`http://${host}/`);
  const isOwn = url !== null && url.pathname === "/" && url.username === "" &&
    isLoopback(url.hostname);
  if (isOwn) return undefined;
  return new ApiError(421, "DENIED", "this server answers to localhost only");
}
