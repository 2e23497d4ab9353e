import { SyntaxFault } from "../grants/syntax_fault.ts";

/**
 * The pattern of a route: `/cart`, `/users/:id/edit`, `/files/:name.json`, `/static/...`.
 *
 * Paths are compared segment by segment as they stand, without decoding; empty segments do not count, so that
 * slashes may be repeated and may end a path. Source: Spin's documentation, "HTTP Trigger Routes", and the
 * routefinder crate, which Spin matches with.
 */
export class RoutePattern {
  readonly #segments: readonly Segment[];
  /** Whether it matches everything below it too. */
  readonly isWildcard: boolean;

  /** @throws BadText */
  constructor(route: string) {
    const prefix = /^(.*)\/(?:\.\.\.|\*)$/s.exec(route)?.[1];
    this.isWildcard = prefix !== undefined;
    this.#segments = segmentsOf(prefix ?? route).map(parseSegment);
  }

  /**
   * What a path has in the places of the pattern's names, and below it; undefined if it does not match.
   * @param segments those of the path
   */
  match(path: string, segments = segmentsOf(path)): PatternMatch | undefined {
    const own = this.#segments.length;
    if (segments.length < own || (segments.length > own && !this.isWildcard)) return undefined;
    const parameters = new Map<string, string>();
    for (const [index, { expression, names }] of this.#segments.entries()) {
      const found = expression.exec(segments[index]!);
      if (!found) return undefined;
      names.forEach((name, at) => parameters.set(name, found[at + 1]!));
    }
    return { parameters, rest: this.isWildcard ? below(segments.slice(own), path) : "" };
  }

  /**
   * Negative if this pattern has precedence over the other one, 0 where both match the same paths: the first
   * segment of different kinds decides, and a pattern that ends has precedence over one that goes on below.
   */
  compare(other: RoutePattern): number {
    const kinds = this.#kinds();
    const others = other.#kinds();
    for (let at = 0; at < Math.min(kinds.length, others.length); at++) {
      const difference = KINDS.indexOf(kinds[at]!) - KINDS.indexOf(others[at]!);
      if (difference !== 0) return difference;
    }
    return kinds.length - others.length;
  }

  /** Equal for patterns that match the same paths, whatever names they use. */
  get shape(): string {
    const expressions = this.#segments.map((segment) => segment.expression.source);
    return JSON.stringify([expressions, this.isWildcard]);
  }

  #kinds(): Kind[] {
    const kinds = this.#segments.map((segment) => segment.kind);
    return this.isWildcard ? [...kinds, "wildcard"] : kinds;
  }
}

export interface PatternMatch {
  readonly parameters: ReadonlyMap<string, string>;
  /** What a wildcard stands for, with its slashes: ``, `/` or `/a/b`. */
  readonly rest: string;
}

/** What a segment may be, in the order of precedence; `mixed` has a name within fixed text, as `:name.json`. */
const KINDS = ["literal", "mixed", "name", "wildcard"] as const;
type Kind = typeof KINDS[number];

interface Segment {
  readonly kind: Kind;
  readonly expression: RegExp;
  readonly names: readonly string[];
}

/** The segments of a path that count. */
export function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** Dots separate the names within a segment: each but the last ends at the next dot. */
function parseSegment(segment: string): Segment {
  if (segment.startsWith("*")) {
    throw new SyntaxFault(`"${segment}" may only stand at the end, as "..."`);
  }
  const parts = segment.split(".");
  const names = parts.filter((part) => part.startsWith(":")).map((part) => part.slice(1));
  if (names.includes("")) throw new SyntaxFault(`a name is missing behind ":"`);
  const source = parts.map((part, at) => {
    if (!part.startsWith(":")) return RegExp.escape(part);
    return at === parts.length - 1 ? "(.+)" : "([^.]+)";
  }).join("\\.");
  const kind = names.length === 0 ? "literal" : parts.length === 1 ? "name" : "mixed";
  return { kind, names, expression: new RegExp(`^${source}$`, "s") };
}

/** Spin keeps the slash that ends a path, although it does not count in matching. */
function below(segments: readonly string[], path: string): string {
  const slash = path.endsWith("/") ? "/" : "";
  return segments.length === 0 ? slash : `/${segments.join("/")}${slash}`;
}
