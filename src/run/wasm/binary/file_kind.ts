/** Magic numbers of files that are taken for Wasm by mistake. */
const MAGIC_NUMBERS: readonly (readonly [kind: string, ...bytes: number[]])[] = [
  ["an ELF file, such as a native program or code that wasmtime compiled", 0x7f, 0x45, 0x4c, 0x46],
  ["gzip data, which has to be decompressed first", 0x1f, 0x8b],
  ["zstd data, which has to be decompressed first", 0x28, 0xb5, 0x2f, 0xfd],
  ["a zip archive, which has to be unpacked first", 0x50, 0x4b, 0x03, 0x04],
  ["a Windows program", 0x4d, 0x5a],
  ["a macOS program", 0xcf, 0xfa, 0xed, 0xfe],
  ["a macOS program", 0xca, 0xfe, 0xba, 0xbe],
  ["a PDF document", 0x25, 0x50, 0x44, 0x46],
];

const TEXTS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["an HTML page, such as a login or error page", /^\s*<(?:!doctype\s+html|html|head|body)\b/i],
  ["XML", /^\s*<\?xml\b/],
  [
    "its text format, which wat2wasm or wasm-tools parse compiles",
    /^(?:\s|;;[^\n]*\n|\(;[^]*?;\))*\((?:module|component)\b/,
  ],
  ["JSON", /^\s*[{[]/],
];

/**
 * Describes a file that is not Wasm, with an article: "a zip archive, …".
 * @param start the first few hundred bytes
 * @returns undefined if the kind is unknown
 */
export function fileKind(start: Uint8Array): string | undefined {
  if (start.length === 0) return "empty";
  const known = MAGIC_NUMBERS.find(([, ...bytes]) => bytes.every((byte, i) => start[i] === byte));
  if (known) return known[0];
  const text = new TextDecoder().decode(start);
  // The last character may be cut off.
  if (/(?![\t\n\v\f\r])\p{Cc}|\ufffd(?!$)/u.test(text)) return undefined;
  return TEXTS.find(([, pattern]) => pattern.test(text))?.[0] ?? "text";
}
