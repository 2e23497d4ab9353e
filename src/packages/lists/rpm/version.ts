import { compareText } from "../../../base/compare_text.ts";
import { compareNumbers } from "../debian/version.ts";

/** The version of an rpm package. */
export interface RpmVersion {
  readonly epoch: string;
  readonly version: string;
  readonly release: string;
}

/** Compares two versions of an rpm package: negative if `a` is older, 0 if they are equal, positive if it is newer. */
export function compareRpmVersions(a: RpmVersion, b: RpmVersion): number {
  return compareNumbers(a.epoch, b.epoch) || rpmvercmp(a.version, b.version) ||
    rpmvercmp(a.release, b.release);
}

/** Returns `[epoch:]version-release`; the epoch 0 is left out. */
export function formatRpmVersion({ epoch, version, release }: RpmVersion): string {
  return `${Number(epoch) === 0 ? "" : `${epoch}:`}${version}-${release}`;
}

/** Parses what {@link formatRpmVersion} returns. */
export function parseRpmVersion(text: string): RpmVersion {
  const [, epoch = "0", version = "", release = ""] = /^(?:(\d+):)?(.*)-([^-]*)$/s.exec(text) ?? [];
  return { epoch, version, release };
}

/**
 * Compares segments of digits as numbers and segments of letters as texts; all other characters only separate them.
 * Source: rpm, "Version comparison" in rpm-version(7); rpm's own test table `rpmvercmp.at`.
 */
export function rpmvercmp(a: string, b: string): number {
  if (a === b) return 0;
  for (;;) {
    a = a.replace(/^[^A-Za-z0-9~^]+/, "");
    b = b.replace(/^[^A-Za-z0-9~^]+/, "");
    const special = compareSpecial(a[0], b[0]);
    if (special === "both") {
      a = a.slice(1);
      b = b.slice(1);
      continue;
    }
    if (special !== undefined) return special;
    if (a === "" || b === "") return Number(a !== "") - Number(b !== "");
    const isNumber = /^\d/.test(a);
    const [one = ""] = (isNumber ? /^\d+/ : /^[A-Za-z]+/).exec(a) ?? [];
    const [other = ""] = (isNumber ? /^\d+/ : /^[A-Za-z]+/).exec(b) ?? [];
    // A number is newer than letters.
    if (other === "") return isNumber ? 1 : -1;
    const difference = isNumber ? compareNumbers(one, other) : compareText(one, other);
    if (difference !== 0) return difference;
    a = a.slice(one.length);
    b = b.slice(other.length);
  }
}

/**
 * Compares by a leading `~`, which is older than the end, or `^`, which is newer than the end and older than all else.
 * Returns undefined if neither has one, and "both" if both have the same.
 */
function compareSpecial(a: string | undefined, b: string | undefined): number | "both" | undefined {
  for (const character of ["~", "^"]) {
    if (a !== character && b !== character) continue;
    if (a === b) return "both";
    if (character === "~") return a === "~" ? -1 : 1;
    if (a === undefined) return -1;
    if (b === undefined) return 1;
    return a === "^" ? -1 : 1;
  }
  return undefined;
}
