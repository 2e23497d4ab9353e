import { compareText } from "../../../base/compare_text.ts";
interface Version {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

/**
 * Compares two versions of a Debian package: negative if `a` is older, 0 if they are equal, positive if it is newer.
 * Source: Debian Policy §5.6.12; deb-version(7).
 */
export function compareDebianVersions(a: string, b: string): number {
  const [one, other] = [split(a), split(b)];
  return one.epoch - other.epoch || compareParts(one.upstream, other.upstream) ||
    compareParts(one.revision, other.revision);
}

function split(version: string): Version {
  const [, epoch = "0", rest = ""] = /^(?:(\d+):)?(.*)$/s.exec(version)!;
  const dash = rest.lastIndexOf("-");
  return {
    epoch: Number(epoch),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** Compares alternately the longest prefixes without digits, character by character, and those of digits, as numbers. */
function compareParts(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const difference = order(a[i]) - order(b[j]);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const [one, other] = [digitsAt(a, i), digitsAt(b, j)];
    const difference = compareNumbers(one, other);
    if (difference !== 0) return difference;
    i += one.length;
    j += other.length;
  }
  return 0;
}

/** Returns the rank of a character: `~` before the end of the text and digits, then letters, then all others. */
function order(character: string | undefined): number {
  if (character === "~") return -1;
  if (character === undefined || isDigit(character)) return 0;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function digitsAt(text: string, start: number): string {
  let end = start;
  while (isDigit(text[end])) end++;
  return text.slice(start, end);
}

/** Compares two texts of digits as numbers of any size. */
export function compareNumbers(a: string, b: string): number {
  const [one, other] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return one.length - other.length || compareText(one, other);
}
