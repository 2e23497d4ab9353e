import { trap, WasiError } from "../errors.ts";

/** 256 KiB limit on the names and values of the fields that a guest puts together, and {@link FIELD_OVERHEAD} for each. */
export const MAX_HEADER_SIZE = 256 * 1024;

/**
 * Bytes that a field counts for beside its name and value (RFC 9113 §6.5.2). They limit the number of fields to 8,192:
 * adding one takes longer the more there are, and Deno 2.4 ends the process over a message with 32,768.
 */
const FIELD_OVERHEAD = 32;

/** Header fields outside of the guest; each character of a value is one byte (Latin-1). */
export type HeaderList = readonly (readonly [name: string, value: string])[];

type Field = readonly [name: string, value: Uint8Array];

type HeaderError = { readonly tag: "invalid-syntax" | "forbidden" | "immutable" };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Fields that the host sets itself, or that apply to one connection only. */
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

/** True for a `token`, the syntax of method and field names. Source: RFC 9110 §5.6.2. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** `fields` of `wasi:http/types`: headers or trailers. */
export class Fields {
  #entries: Field[] = [];
  #size = 0;
  #isImmutable = false;

  static fromList(entries: readonly Field[]): Fields {
    const fields = new Fields();
    for (const [name, value] of entries) fields.append(name, value);
    return fields;
  }

  /** Returns received fields, immutable and without the forbidden ones. */
  static received(list: Iterable<readonly [string, string]>): Fields {
    const fields = new Fields();
    for (const [name, value] of list) {
      if (!FORBIDDEN.has(name.toLowerCase())) fields.#entries.push([name, bytesOf(value)]);
    }
    return Fields.freeze(fields);
  }

  static freeze(fields: Fields): Fields {
    fields.#isImmutable = true;
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

  /** Adds a value; a name that exists keeps its case. */
  append(name: string, value: Uint8Array): void {
    this.#check(name, [value]);
    this.#add(this.#entries.find(isNamed(name))?.[0] ?? name, value);
  }

  /** Only in 0.3. */
  getAndDelete(name: string): Uint8Array[] {
    const values = this.get(name);
    this.delete(name);
    return values;
  }

  entries(): Field[] {
    return this.#entries;
  }

  /** The name of {@link entries} in 0.3. */
  copyAll(): Field[] {
    return this.#entries;
  }

  clone(): Fields {
    const fields = new Fields();
    fields.#entries = this.#entries.slice();
    fields.#size = this.#size;
    return fields;
  }

  #check(name: string, values: readonly Uint8Array[]): void {
    if (this.#isImmutable) throw headerError("immutable");
    if (!isToken(name) || !values.every(isFieldValue)) throw headerError("invalid-syntax");
    if (FORBIDDEN.has(name.toLowerCase())) throw headerError("forbidden");
  }

  #add(name: string, value: Uint8Array): void {
    this.#size += sizeOf([name, value]);
    if (this.#size > MAX_HEADER_SIZE) trap(`the header is larger than ${MAX_HEADER_SIZE} bytes`);
    this.#entries.push([name, value]);
  }

  #remove(name: string): void {
    const matches = isNamed(name);
    this.#entries = this.#entries.filter((entry) => !matches(entry));
    this.#size = this.#entries.reduce((size, entry) => size + sizeOf(entry), 0);
  }
}

/** Rejects control characters. Source: RFC 9110 §5.5. */
function isFieldValue(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));
}

function isNamed(name: string): (entry: Field) => boolean {
  const key = name.toLowerCase();
  return ([entryName]) => entryName.toLowerCase() === key;
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + FIELD_OVERHEAD;
}

function headerError(tag: HeaderError["tag"]): WasiError<HeaderError> {
  return new WasiError({ tag });
}

/** Decodes Latin-1; the `latin1` of `TextDecoder` is Windows-1252. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
