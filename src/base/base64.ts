import { Buffer } from "node:buffer";

/** Encodes the UTF-8 bytes of a text as base64 (RFC 4648 §4). */
export function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** Decodes base64 of UTF-8, ignoring white space. Returns undefined if the input is anything else. */
export function fromBase64(base64: string): string | undefined {
  const bytes = bytesFromBase64(base64);
  if (!bytes) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Decodes base64, ignoring white space; padding is optional. Returns undefined if the input is not base64. */
export function bytesFromBase64(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(Buffer.from(atob(base64), "latin1"));
  } catch {
    return undefined;
  }
}
