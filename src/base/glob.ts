/** True if a text contains a wildcard: `*` matches any text, `?` one character. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/**
 * True if a pattern of `*` and `?` matches a whole text. No other character is special, and `*` also matches `/`, so
 * `ghcr.io/acme/*` matches names of any depth.
 *
 * Runs in time proportional to pattern times text, because only the last `*` has to be revisited.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let t = 0;
  let p = 0;
  let star = -1; // Index of the last `*` in the pattern.
  let starEnd = 0; // Index in the text up to which that `*` matches.
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      starEnd = t;
    } else if (pattern[p] === "?" || pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++starEnd;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
