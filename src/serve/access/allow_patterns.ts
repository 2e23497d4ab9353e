import { LarderError } from "../../base/errors.ts";

/**
 * Parses patterns that are separated by commas or white space, as in `serve.allow`.
 * @throws LarderError LDR_USAGE
 */
export function parseAllow(text: string): string[] {
  const patterns = text.split(/[\s,]+/).filter((pattern) => pattern !== "");
  if (patterns.length === 0) throw bad(text, "names no upstream");
  for (const pattern of patterns) {
    if (pattern.includes("://")) throw bad(pattern, "is a URL");
    if (pattern.includes("@")) throw bad(pattern, "has a digest");
    if (!/^[\w.*?:[\]-]+(?:\/[\w.*?/-]+)?$/.test(pattern)) throw bad(pattern, "is not a pattern");
    if (!/[.:*?]|^localhost$/.test(hostOf(pattern))) {
      throw bad(pattern, "does not begin with a host");
    }
  }
  return patterns.map((pattern) => pattern.toLowerCase());
}

/** Returns the part of a pattern that is about the host. */
export function hostOf(pattern: string): string {
  return pattern.split("/", 1)[0]!;
}

function bad(pattern: string, what: string): LarderError {
  return new LarderError("LDR_USAGE", `"${pattern}" ${what}`, {
    hint: "write hosts, or a host and a repository, such as ghcr.io or docker.io/library/*",
  });
}
