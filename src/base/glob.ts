/** Whether a text has a wildcard: `*` stands for any text, `?` for one character. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/**
 * Whether all of a text matches a pattern of `*` and `?`. Nothing else is special, and `*` goes across `/`:
 * `ghcr.io/acme/*` is all of acme's, however deep.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let next = 0;
  // Where the last `*` stands, and how much of the text it has taken: going back to the last one is enough.
  let star = -1;
  let taken = 0;
  while (at < text.length) {
    if (pattern[next] === "*") {
      star = next++;
      taken = at;
    } else if (pattern[next] === "?" || pattern[next] === text[at]) {
      next++;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++taken;
    } else {
      return false;
    }
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}
