import { LarderError, shellWord } from "../../base/errors.ts";

/** The bcrypt hash of each user. */
export type Htpasswd = ReadonlyMap<string, string>;

const BCRYPT = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** The highest cost that is accepted: a check takes 1.3 s with it, and twice that with each one more. */
const MAX_COST = 14;

/** The other formats of Apache's htpasswd, which are broken or leave the password readable. */
const WEAK: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$/, "MD5"],
  [/^\{SHA\}/, "SHA-1"],
  [/^\$5\$/, "SHA-256 without bcrypt"],
  [/^\$6\$/, "SHA-512 without bcrypt"],
];

/**
 * Parses a file of `htpasswd -B`: `USER:HASH` in each line; empty lines and those that begin with `#` are comments.
 * @throws LarderError LDR_CONFIG, also for entries that are not bcrypt
 */
export function parseHtpasswd(text: string, path: string): Htpasswd {
  const users = new Map<string, string>();
  for (const [i, line] of text.split("\n").entries()) {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    const colon = entry.indexOf(":");
    if (colon < 1) throw bad(path, `line ${i + 1} is not USER:HASH`, "USER");
    const [user, hash] = [entry.slice(0, colon), entry.slice(colon + 1)];
    const cost = BCRYPT.exec(hash)?.[1];
    if (cost === undefined) throw bad(path, `the password of ${user} is ${formOf(hash)}`, user);
    if (Number(cost) > MAX_COST) {
      throw bad(path, `the password of ${user} has the cost ${cost}, more than ${MAX_COST}`, user);
    }
    // The first entry counts, as for Apache.
    if (!users.has(user)) users.set(user, hash);
  }
  if (users.size === 0) throw bad(path, "there is no user in it", "USER");
  return users;
}

function formOf(hash: string): string {
  if (hash.startsWith("$2")) return "a bcrypt hash that is damaged";
  const weak = WEAK.find(([pattern]) => pattern.test(hash))?.[1];
  return weak === undefined ? "plain text or crypt, and not bcrypt" : `${weak}, and not bcrypt`;
}

function bad(path: string, reason: string, user: string): LarderError {
  return new LarderError("LDR_CONFIG", `${path}: ${reason}`, {
    hint: `type htpasswd -B ${shellWord(path)} ${shellWord(user)}`,
  });
}
