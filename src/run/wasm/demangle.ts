/** Escapes of characters in Rust's older symbols. Source: rustc-demangle. */
const ESCAPES: Readonly<Record<string, string>> = {
  BP: "*",
  C: ",",
  GT: ">",
  LP: "(",
  LT: "<",
  RF: "&",
  RP: ")",
  SP: "@",
};

const MAX_CODE_POINT = 0x10ffff;

/**
 * Returns the path in a mangled name of Rust or C++, without parameters and hashes: `core::panicking::panic`. Other names,
 * and those of C++ with templates and the like, are returned as they are.
 *
 * Sources: Itanium C++ ABI, "Mangling"; Rust RFC 2603.
 */
export function demangle(name: string): string {
  if (name.startsWith("_R")) return rustPath(name.slice(2)) ?? name;
  const nested = /^_ZN[rVK]*(\d.*E.*)$/.exec(name);
  if (nested) return itaniumPath(nested[1]!) ?? name;
  const single = /^_Z(\d.*)$/.exec(name);
  return single ? identifierAt(single[1]!, 0)?.text ?? name : name;
}

/** Returns `a::b` for the identifiers in `1a1b`. */
function itaniumPath(text: string): string | undefined {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const identifier = identifierAt(text, at);
    // Parameters follow the end; anything else is not an identifier.
    if (!identifier) return text[at] === "E" && parts.length > 0 ? joined(parts) : undefined;
    parts.push(identifier.text);
    at = identifier.end;
  }
  return undefined;
}

function joined(parts: readonly string[]): string {
  const isHash = parts.length > 1 && /^h[0-9a-f]{16}$/.test(parts.at(-1)!);
  return (isHash ? parts.slice(0, -1) : parts).map(unescaped).join("::");
}

function unescaped(part: string): string {
  if (!/\$|\.\./.test(part)) return part;
  return part.replace(/^_(?=\$)/, "")
    .replace(/\$u([0-9a-f]{1,6})\$/g, (all, code) => characterOf(parseInt(code, 16)) ?? all)
    .replace(/\$([A-Z]{1,2})\$/g, (all, escape) => ESCAPES[escape] ?? all)
    .replaceAll("..", "::");
}

function characterOf(code: number): string | undefined {
  return code <= MAX_CODE_POINT ? String.fromCodePoint(code) : undefined;
}

/**
 * Returns the identifiers in one of Rust's symbols, joined to a path: that of the function, or that of an implementation
 * with its type and trait one after the other. Numbers that only tell symbols apart, and references to earlier parts,
 * are skipped.
 */
function rustPath(text: string): string | undefined {
  const parts: string[] = [];
  const skipped =
    /(?:[sB][0-9A-Za-z]*_|Cs[0-9A-Za-z]*_|L[0-9A-Za-z]*_|K[a-z]n?[0-9a-f]*_|N[A-Za-z]|[A-Za-z])/y;
  for (let at = 0; at < text.length;) {
    const identifier = identifierAt(text, at, /^_[0-9_]/);
    if (identifier) {
      // A closure has no name.
      if (identifier.text !== "") parts.push(identifier.text);
      at = identifier.end;
      continue;
    }
    skipped.lastIndex = at;
    if (!skipped.test(text)) break; // A suffix of the compiler, such as `.llvm.1234`.
    at = skipped.lastIndex;
  }
  return parts.length > 0 ? parts.join("::") : undefined;
}

/**
 * Reads an identifier after its length.
 * @param separator what can be between the two: Rust writes `_` before an identifier that begins with a digit or `_`
 */
function identifierAt(
  text: string,
  at: number,
  separator = /^(?!)/,
): { text: string; end: number } | undefined {
  const length = /^\d{1,5}/.exec(text.slice(at, at + 5))?.[0];
  if (length === undefined) return undefined;
  const after = at + length.length;
  const start = separator.test(text.slice(after, after + 2)) ? after + 1 : after;
  const end = start + Number(length);
  return end <= text.length ? { text: text.slice(start, end), end } : undefined;
}
