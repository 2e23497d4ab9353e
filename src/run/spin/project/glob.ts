/**
 * Returns the expression of a pattern of file names, for paths with `/` whatever the system's separator is.
 *
 * Source: the glob crate of Rust, which Spin uses: `*`, `?`, `[a-z]`, `[!a-z]`, and `**` for any number of folders.
 *
 * @param crosses true if `*` and `?` match `/`, too, as in Spin's `exclude_files`
 * @throws SyntaxError if a range of a bracket is reversed
 */
export function globPattern(glob: string, crosses = false): RegExp {
  const any = crosses ? "[^]" : "[^/]";
  const source = glob.replace(
    /\*\*\/|\*\*|\*|\?|\[!?\]?[^\]]*\]|[\\^$+.|(){}[\]]/g,
    (token) => {
      if (token === "**/") return "(?:[^/]+/)*";
      if (token === "**") return "[^]*";
      if (token === "*") return `${any}*`;
      if (token === "?") return any;
      if (token.length === 1) return `\\${token}`;
      return bracket(token.slice(1, -1));
    },
  );
  return new RegExp(`^${source}$`, "u");
}

/** True if a path can be a pattern. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

function bracket(content: string): string {
  const isNegated = content.startsWith("!");
  const members = (isNegated ? content.slice(1) : content).replace(/[\\\]^[]/g, "\\$&");
  return `[${isNegated ? "^" : ""}${members}]`;
}
