import { urlHost } from "../../base/url_host.ts";
import type { HttpTarget, HttpTrigger } from "./http_trigger.ts";
import { parseLockedText } from "./locked_text.ts";
import type { RequestTarget } from "./request_target.ts";
import { RoutePattern, segmentsOf } from "./route_pattern.ts";

/** Prefix of the paths that Spin itself answers; components never receive them. */
export const RESERVED_PREFIX = "/.well-known/spin/";

/** A route that can be requested. */
export interface Route {
  /** As the author wrote it: `/users/:id/...`. */
  readonly raw: string;
  /** With the app's base path before it; empty for the root. */
  readonly fullPath: string;
  readonly basePath: string;
  readonly target: HttpTarget;
}

/** The route of a request, and the parts of its path that the route names. */
export interface RouteMatch {
  readonly route: Route;
  /** Values of `:name` segments, not decoded. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The part of the path that `...` matches, with its slashes: ``, `/` or `/a/b`. */
  readonly pathInfo: string;
}

/** A route that is never reached, because a later trigger has the same one. */
export interface DuplicateRoute {
  readonly route: Route;
  readonly effective: Route;
}

/**
 * Selects the trigger with the most specific route for a request.
 *
 * Source: Spin's documentation, "Resolving Overlapping Routes", and its spin-http-routes crate.
 */
export class Router {
  /** Routes that can be reached, in the order of the app. */
  readonly routes: readonly Route[];
  readonly duplicates: readonly DuplicateRoute[];
  /** Candidates in the order of precedence. */
  readonly #candidates: readonly Candidate[];

  /**
   * @param subject name of the app, for messages
   * @throws LarderError LDR_BAD_MANIFEST
   */
  constructor(app: RoutedApp, subject: string) {
    const candidates = app.httpTriggers.flatMap((trigger) =>
      candidateOf(trigger, app.basePath, subject)
    );
    // As in Spin, the last one of equal routes wins.
    const effective = new Map(candidates.map((candidate) => [candidate.pattern.shape, candidate]));
    this.routes = [...effective.values()].map(({ route }) => route);
    this.duplicates = candidates.flatMap(({ route, pattern }) => {
      const winner = effective.get(pattern.shape)!.route;
      return winner === route ? [] : { route, effective: winner };
    });
    this.#candidates = [...effective.values()].sort((a, b) => a.pattern.compare(b.pattern));
  }

  /**
   * Returns the route of a request; undefined if none matches.
   * @param path the path of the URL, not decoded
   */
  match(path: string): RouteMatch | undefined {
    if (path.startsWith(RESERVED_PREFIX)) return undefined;
    const segments = segmentsOf(path);
    for (const { route, pattern } of this.#candidates) {
      const match = pattern.match(path, segments);
      if (match) return { route, parameters: match.parameters, pathInfo: match.rest };
    }
    return undefined;
  }
}

/** The part of an app that a {@link Router} uses. */
export interface RoutedApp {
  readonly basePath: string;
  readonly httpTriggers: readonly HttpTrigger[];
}

interface Candidate {
  readonly route: Route;
  readonly pattern: RoutePattern;
}

function candidateOf(
  { route: raw, target, id }: HttpTrigger,
  basePath: string,
  subject: string,
): Candidate | [] {
  if (raw === undefined) return [];
  const fullPath = `${withoutSlash(basePath)}${
    withoutSlash(raw.startsWith("/") ? raw : `/${raw}`)
  }`;
  const location = `the route "${raw}" of the trigger "${id}"`;
  const pattern = parseLockedText(subject, location, () => new RoutePattern(fullPath));
  return { route: { raw, fullPath, basePath, target }, pattern };
}

function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Names that can be part of a header's name. */
const HEADER_PART = /^[A-Za-z0-9_-]+$/;

/**
 * Returns the headers that Spin adds to a request for a component; they replace those that the client sent.
 * Source: Spin's documentation, "Additional Request Information".
 */
export function spinHeaders(
  { route, parameters, pathInfo }: RouteMatch,
  { authority, path, query }: RequestTarget,
  client: { readonly hostname: string; readonly port: number },
): [string, string][] {
  const host = urlHost(client.hostname);
  const headers: [string, string][] = [
    ["spin-path-info", pathInfo],
    ["spin-full-url", `http://${authority}${path}${query}`],
    ["spin-matched-route", route.fullPath],
    ["spin-base-path", route.basePath],
    ["spin-raw-component-route", route.raw],
    ["spin-component-route", route.raw.replace(/\/\.\.\.$/, "")],
    ["spin-client-addr", `${host}:${client.port}`],
  ];
  for (const [name, value] of parameters) {
    if (!HEADER_PART.test(name)) continue;
    headers.push([`spin-path-match-${name.toLowerCase().replaceAll("_", "-")}`, value]);
  }
  return headers;
}
