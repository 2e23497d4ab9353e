import { Buffer } from "node:buffer";

/** A text's UTF-8 bytes in base64 (RFC 4648 §4). */
export function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** The text in base64 of UTF-8, or undefined if it is not that. White space is passed over. */
export function fromBase64(base64: string): string | undefined {
  try {
    const bytes = Buffer.from(atob(base64), "latin1");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
