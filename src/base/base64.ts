import { Buffer } from "node:buffer";

/** A text's UTF-8 bytes in base64 (RFC 4648 §4). */
export function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** The text in base64 of UTF-8, or undefined if it is not that. White space is passed over. */
export function fromBase64(base64: string): string | undefined {
  const bytes = bytesFromBase64(base64);
  if (!bytes) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The bytes in base64, or undefined if it is not that. White space is passed over, and padding may be left out. */
export function bytesFromBase64(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(Buffer.from(atob(base64), "latin1"));
  } catch {
    return undefined;
  }
}
