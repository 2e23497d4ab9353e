import { SyntaxFault } from "../grants/syntax_fault.ts";

/**
 * The pattern of a route: `/cart`, `/users/:id/edit`, `/files/:name.json`, `/static/...`.
 *
 * Paths are matched segment by segment without decoding. Empty segments are ignored, so repeated and trailing slashes
 * match. Source: Spin's documentation, "HTTP Trigger Routes", and the routefinder crate that Spin uses.
 */
export class RoutePattern {
  readonly #segments: readonly Segment[];
  /** True if it also matches every path below. */
  readonly isWildcard: boolean;

  /** @throws SyntaxFault */
  constructor(route: string) {
    const prefix = /^(.*)\/(?:\.\.\.|\*)$/s.exec(route)?.[1];
    this.isWildcard = prefix !== undefined;
    this.#segments = segmentsOf(prefix ?? route).map(parseSegment);
  }

  /**
   * Matches a path; undefined if it does not match.
   * @param segments the path's segments
   */
  match(path: string, segments = segmentsOf(path)): PatternMatch | undefined {
    const own = this.#segments.length;
    if (segments.length < own || (segments.length > own && !this.isWildcard)) return undefined;
    const parameters = new Map<string, string>();
    for (const [index, { expression, names }] of this.#segments.entries()) {
      const groups = expression.exec(segments[index]!);
      if (!groups) return undefined;
      names.forEach((name, at) => parameters.set(name, groups[at + 1]!));
    }
    return { parameters, rest: this.isWildcard ? restOf(segments.slice(own), path) : "" };
  }

  /**
   * Returns a negative number if this pattern has precedence over the other one, and 0 if neither has. The first
   * segment that differs in kind decides, then the shorter pattern has precedence.
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

  /** A key that is equal for patterns that match the same paths, whatever their names. */
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
  /** Values of the pattern's `:name` segments, by name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The part of the path that a wildcard matches, with its slashes: ``, `/` or `/a/b`. */
  readonly rest: string;
}

/** Kinds of segments in the order of precedence; `mixed` has names and fixed text, such as `:name.json`. */
const KINDS = ["literal", "mixed", "name", "wildcard"] as const;
type Kind = typeof KINDS[number];

interface Segment {
  readonly kind: Kind;
  readonly expression: RegExp;
  readonly names: readonly string[];
}

/** Returns the segments of a path that are not empty. */
export function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** Parses a segment. Dots separate the names in it: a name matches up to the next dot, the last one to the end. */
function parseSegment(segment: string): Segment {
  if (segment.startsWith("*")) {
    throw new SyntaxFault(`"${segment}" is only allowed at the end, as "..."`);
  }
  const parts = segment.split(".");
  const names = parts.filter((part) => part.startsWith(":")).map((part) => part.slice(1));
  if (names.includes("")) throw new SyntaxFault(`the name after ":" is missing`);
  const source = parts.map((part, at) => {
    if (!part.startsWith(":")) return RegExp.escape(part);
    return at === parts.length - 1 ? "(.+)" : "([^.]+)";
  }).join("\\.");
  const kind = names.length === 0 ? "literal" : parts.length === 1 ? "name" : "mixed";
  return { kind, names, expression: new RegExp(`^${source}$`, "s") };
}

/** Returns the rest of a path, with its trailing slash: Spin keeps it, although matching ignores it. */
function restOf(segments: readonly string[], path: string): string {
  const slash = path.endsWith("/") ? "/" : "";
  return segments.length === 0 ? slash : `/${segments.join("/")}${slash}`;
}
