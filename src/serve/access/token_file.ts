import { createHash, timingSafeEqual } from "node:crypto";
import { LarderError } from "../../base/errors.ts";
import { registerSecret } from "../../base/redact.ts";

/** Characters of the shortest token: guesses are not slowed down, as those of passwords are. */
const MIN_LENGTH = 16;

/** The tokens of a file, as hashes of one length. */
export class Tokens {
  readonly #hashes: readonly Uint8Array[];

  constructor(tokens: readonly string[]) {
    this.#hashes = tokens.map(hash);
  }

  /** Compares a token with every one, in the same time whether and where it differs. */
  has(token: string): boolean {
    const candidate = hash(token);
    let isFound = false;
    for (const each of this.#hashes) isFound = timingSafeEqual(candidate, each) || isFound;
    return isFound;
  }
}

/**
 * Parses a file with one token in each line; empty lines and those that begin with `#` are comments.
 * @throws LarderError LDR_CONFIG
 */
export function parseTokens(text: string, path: string): Tokens {
  const bad = (reason: string) =>
    new LarderError("LDR_CONFIG", `${path}: ${reason}`, {
      hint: "write one token in each line, such as the output of openssl rand -hex 32",
    });
  const tokens = text.split("\n").flatMap((line, i) => {
    const token = line.trim();
    if (token === "" || token.startsWith("#")) return [];
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw bad(`line ${i + 1} is not one word of ASCII characters`);
    }
    if (token.length < MIN_LENGTH) {
      throw bad(`the token in line ${i + 1} has fewer than ${MIN_LENGTH} characters`);
    }
    registerSecret(token);
    return [token];
  });
  if (tokens.length === 0) throw bad("there is no token in it");
  return new Tokens(tokens);
}

function hash(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
