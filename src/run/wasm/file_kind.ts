/** How files begin that are taken for Wasm by mistake. */
const BEGINNINGS: readonly (readonly [kind: string, ...bytes: number[]])[] = [
  ["an ELF file, such as a native program or code that wasmtime compiled", 0x7f, 0x45, 0x4c, 0x46],
  ["gzip, which has to be unpacked first", 0x1f, 0x8b],
  ["zstd, which has to be unpacked first", 0x28, 0xb5, 0x2f, 0xfd],
  ["a zip archive, which has to be unpacked first", 0x50, 0x4b, 0x03, 0x04],
  ["a Windows program", 0x4d, 0x5a],
  ["a macOS program", 0xcf, 0xfa, 0xed, 0xfe],
  ["a macOS program", 0xca, 0xfe, 0xba, 0xbe],
  ["a PDF document", 0x25, 0x50, 0x44, 0x46],
];

const TEXTS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["an HTML page, as of a login or of an error", /^\s*<(?:!doctype\s+html|html|head|body)\b/i],
  ["XML", /^\s*<\?xml\b/],
  [
    "its text form, which wat2wasm or wasm-tools parse compiles",
    /^(?:\s|;;[^\n]*\n|\(;[^]*?;\))*\((?:module|component)\b/,
  ],
  ["JSON", /^\s*[{[]/],
];

/**
 * What a file that is something else than it should be looks like, by its first few hundred bytes.
 * @returns undefined if it is nothing that is known
 */
export function fileKind(start: Uint8Array): string | undefined {
  if (start.length === 0) return "empty";
  const known = BEGINNINGS.find(([, ...bytes]) => bytes.every((byte, i) => start[i] === byte));
  if (known) return known[0];
  const text = new TextDecoder().decode(start);
  // A character may be cut at the end of what is looked at.
  if (/(?![\t\n\v\f\r])\p{Cc}|\ufffd(?!$)/u.test(text)) return undefined;
  return TEXTS.find(([, pattern]) => pattern.test(text))?.[0] ?? "text";
}
