import { trap, WasiError } from "../errors.ts";

/** The most that the names and values of one header, as a guest builds it, may have together. */
export const GUEST_HEADER = 256 * 1024;

/** A header outside of the guest: values with a character for each byte. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

type HeaderError = { readonly tag: "invalid-syntax" | "forbidden" | "immutable" };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What the host says itself, or what concerns one connection only. */
const FORBIDDEN = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a text is one of the names that HTTP calls tokens: of methods and fields. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** `wasi:http/types`' fields: a header, or trailers. */
export class Fields {
  #entries: (readonly [name: string, value: Uint8Array])[] = [];
  #size = 0;
  #immutable = false;

  static fromList(entries: readonly (readonly [string, Uint8Array])[]): Fields {
    const fields = new Fields();
    for (const [name, value] of entries) fields.append(name, value);
    return fields;
  }

  /** What came from outside, for the guest to read; what no guest is to see is left out. */
  static received(list: Iterable<readonly [string, string]>): Fields {
    const fields = new Fields();
    for (const [name, value] of list) {
      if (!FORBIDDEN.has(name.toLowerCase())) fields.#entries.push([name, bytesOf(value)]);
    }
    return Fields.freeze(fields);
  }

  static freeze(fields: Fields): Fields {
    fields.#immutable = true;
    return fields;
  }

  static toList(fields: Fields): HeaderList {
    return fields.#entries.map(([name, value]) => [name, textOf(value)]);
  }

  get(name: string): Uint8Array[] {
    return this.#entries.filter(isNamed(name)).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#entries.some(isNamed(name));
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#check(name, values);
    this.#remove(name);
    for (const value of values) this.#add(name, value);
  }

  delete(name: string): void {
    this.#check(name, []);
    this.#remove(name);
  }

  append(name: string, value: Uint8Array): void {
    this.#check(name, [value]);
    this.#add(name, value);
  }

  entries(): (readonly [string, Uint8Array])[] {
    return this.#entries;
  }

  clone(): Fields {
    const fields = new Fields();
    fields.#entries = this.#entries.slice();
    fields.#size = this.#size;
    return fields;
  }

  #check(name: string, values: readonly Uint8Array[]): void {
    if (this.#immutable) throw headerError("immutable");
    if (!isToken(name) || !values.every(isFieldValue)) throw headerError("invalid-syntax");
    if (FORBIDDEN.has(name.toLowerCase())) throw headerError("forbidden");
  }

  #add(name: string, value: Uint8Array): void {
    this.#size += sizeOf([name, value]);
    if (this.#size > GUEST_HEADER) trap(`a header is larger than ${GUEST_HEADER} bytes`);
    this.#entries.push([name, value]);
  }

  #remove(name: string): void {
    const isThis = isNamed(name);
    this.#entries = this.#entries.filter((entry) => !isThis(entry));
    this.#size = this.#entries.reduce((size, entry) => size + sizeOf(entry), 0);
  }
}

/** Source: RFC 9110 §5.5. */
function isFieldValue(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));
}

function isNamed(name: string): (entry: readonly [string, Uint8Array]) => boolean {
  const key = name.toLowerCase();
  return ([each]) => each.toLowerCase() === key;
}

function sizeOf([name, value]: readonly [string, Uint8Array]): number {
  return name.length + value.length;
}

function headerError(tag: HeaderError["tag"]): WasiError<HeaderError> {
  return new WasiError({ tag });
}

/** One character for each byte: `TextDecoder`'s Latin-1 is Windows-1252 in truth. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
