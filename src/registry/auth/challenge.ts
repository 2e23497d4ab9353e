/** One authentication scheme that a server offers. Source: RFC 9110 §11.3. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Keyed by lower-case name; the first of duplicates. Empty for a `token68` challenge. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const PARAMETER = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*/y;
/** Wider than the grammar, because some servers do not quote a URL. */
const BARE_VALUE = /[^\s,"]+/y;
const QUOTED = /"((?:[^"\\]|\\[^])*)"/y;
const SEPARATOR = /[ \t]*(?:,[ \t]*)+/y;
const NEXT_PARAMETER = /[ \t]*(?:,[ \t]*)+(?=[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=)/y;
const SPACE = /[ \t]+/y;
const REST = /[^,]*/y;

/**
 * Parses `WWW-Authenticate`: any number of challenges, in one header or in several joined by commas. Text that breaks
 * the grammar is skipped up to the next comma, so that one malformed challenge does not hide the others.
 *
 * Source: RFC 9110 §11.6.1.
 */
export function parseChallenges(header: string): Challenge[] {
  const scanner = new Scanner(header);
  const challenges: Challenge[] = [];
  scanner.take(SPACE);
  while (!scanner.done) {
    if (scanner.take(SEPARATOR)) continue;
    const scheme = scanner.take(TOKEN);
    if (!scheme) {
      scanner.take(REST);
      continue;
    }
    const parameters = new Map<string, string>();
    if (scanner.take(SPACE) && !scanner.take(TOKEN68)) readParameters(scanner, parameters);
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters });
    if (!scanner.done && !scanner.take(SEPARATOR)) scanner.take(REST);
  }
  return challenges;
}

/**
 * Returns the scopes of the challenge and read access to the repository, which some registries leave out: they name
 * another repository, such as that behind a proxy, or a placeholder. Source: distribution, "Scope".
 */
export function scopesOf(challenge: Challenge, repository: string | undefined): string[] {
  const scopes = (challenge.parameters.get("scope") ?? "").split(/\s+/).filter((scope) => scope);
  const isNamed = (scope: string) => {
    const [, name, actions] = /^repository:(.+):([^:]*)$/.exec(scope) ?? [];
    return name === repository && /(?:^|,)(?:pull|\*)(?:,|$)/.test(actions ?? "");
  };
  if (repository && !scopes.some(isNamed)) scopes.push(`repository:${repository}:pull`);
  return [...new Set(scopes)].sort();
}

/** Reads consecutive `name=value` pairs; text after a comma that is not one begins the next challenge. */
function readParameters(scanner: Scanner, parameters: Map<string, string>): void {
  for (let match; (match = scanner.take(PARAMETER));) {
    const name = match[1]!.toLowerCase();
    const quoted = scanner.take(QUOTED);
    const value = quoted ? quoted[1]!.replace(/\\([^])/g, "$1") : scanner.take(BARE_VALUE)?.[0];
    if (value === undefined) scanner.take(REST);
    else if (!parameters.has(name)) parameters.set(name, value);
    if (!scanner.take(NEXT_PARAMETER)) return;
  }
}

/** A text and the position up to which it has been read. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#position >= this.#text.length;
  }

  /** Matches a sticky pattern at the position and moves past the match. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match) this.#position += match[0].length;
    return match ?? undefined;
  }
}
