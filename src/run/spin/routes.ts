import { parseLockedText } from "../grants/syntax_fault.ts";
import type { HttpTarget, HttpTrigger } from "./http_trigger.ts";
import type { RequestTarget } from "./request_target.ts";
import { RoutePattern, segmentsOf } from "./route_pattern.ts";

/** Spin answers everything below itself, and no component ever sees it. */
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

/** What answers a request, and which parts of its path the route names. */
export interface RouteMatch {
  readonly route: Route;
  /** What `:name` segments stand for, as it stands in the URL. */
  readonly parameters: ReadonlyMap<string, string>;
  /** What the `...` at the end stands for, with its slashes: ``, `/` or `/a/b`. */
  readonly pathInfo: string;
}

/** A route that is never reached, since another trigger has the same one. */
export interface DuplicateRoute {
  readonly route: Route;
  readonly effective: Route;
}

/**
 * Chooses what answers a request: the trigger with the most exact route.
 *
 * Source: Spin's documentation, "Resolving Overlapping Routes", and its spin-http-routes crate.
 */
export class Router {
  /** In the order of the app. */
  readonly routes: readonly Route[];
  readonly duplicates: readonly DuplicateRoute[];
  /** In the order of precedence. */
  readonly #candidates: readonly Candidate[];

  /**
   * @param subject what it is the app of, for messages
   * @throws LarderError LDR_BAD_MANIFEST
   */
  constructor(app: RoutedApp, subject: string) {
    const candidates = app.httpTriggers.flatMap((trigger) =>
      candidateOf(trigger, app.basePath, subject)
    );
    // Where routes are the same, the last one counts, as in Spin.
    const effective = new Map(candidates.map((candidate) => [candidate.pattern.shape, candidate]));
    this.routes = [...effective.values()].map(({ route }) => route);
    this.duplicates = candidates.flatMap(({ route, pattern }) => {
      const winner = effective.get(pattern.shape)!.route;
      return winner === route ? [] : { route, effective: winner };
    });
    this.#candidates = [...effective.values()].sort((a, b) => a.pattern.compare(b.pattern));
  }

  /**
   * The route of a request.
   * @param path of the URL, as it was sent
   * @returns undefined if there is none
   */
  match(path: string): RouteMatch | undefined {
    if (path.startsWith(RESERVED_PREFIX)) return undefined;
    const segments = segmentsOf(path);
    for (const { route, pattern } of this.#candidates) {
      const found = pattern.match(path, segments);
      if (found) return { route, parameters: found.parameters, pathInfo: found.rest };
    }
    return undefined;
  }
}

/** What a {@link Router} needs of an app. */
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
  const based = `${withoutSlash(basePath)}${withoutSlash(raw.startsWith("/") ? raw : `/${raw}`)}`;
  const place = `the route "${raw}" of the trigger "${id}"`;
  const pattern = parseLockedText(subject, place, () => new RoutePattern(based));
  return { route: { raw, fullPath: based, basePath, target }, pattern };
}

function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** A name that may stand in the name of a header. */
const HEADER_PART = /^[A-Za-z0-9_-]+$/;

/**
 * The headers that Spin gives a component about a request, in the place of any that the client sent.
 * Source: Spin's documentation, "Additional Request Information".
 */
export function spinHeaders(
  { route, parameters, pathInfo }: RouteMatch,
  { authority, path, query }: RequestTarget,
  client: { readonly hostname: string; readonly port: number },
): [string, string][] {
  const host = client.hostname.includes(":") ? `[${client.hostname}]` : client.hostname;
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
