/** One way in that a server offers. Source: RFC 9110 §11.3. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** By their names in lower case; of a name that comes twice, the first. Empty for a `token68` challenge. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const PARAMETER = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*/y;
/** Laxer than the grammar: some servers leave the quotes of a URL out. */
const BARE_VALUE = /[^\s,"]+/y;
const QUOTED = /"((?:[^"\\]|\\[^])*)"/y;
const SEPARATOR = /[ \t]*(?:,[ \t]*)+/y;
const NEXT_PARAMETER = /[ \t]*(?:,[ \t]*)+(?=[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=)/y;
const SPACE = /[ \t]+/y;
const REST = /[^,]*/y;

/**
 * Reads `WWW-Authenticate`: any number of challenges, in one header or in several that were joined by commas.
 * What breaks the grammar is passed over up to the next comma, so that one bad challenge costs no other.
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

/** Reads `name=value` as long as they come; what follows a comma and is none begins the next challenge. */
function readParameters(scanner: Scanner, parameters: Map<string, string>): void {
  for (let name; (name = scanner.take(PARAMETER));) {
    const quoted = scanner.take(QUOTED);
    const value = quoted ? quoted[1]!.replace(/\\([^])/g, "$1") : scanner.take(BARE_VALUE)?.[0];
    if (value === undefined) {
      scanner.take(REST);
    } else if (!parameters.has(name[1]!.toLowerCase())) {
      parameters.set(name[1]!.toLowerCase(), value);
    }
    if (!scanner.take(NEXT_PARAMETER)) return;
  }
}

/** A text and how far it has been read. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#position >= this.#text.length;
  }

  /** What the pattern matches here, and moves past it. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match) this.#position += match[0].length;
    return match ?? undefined;
  }
}
