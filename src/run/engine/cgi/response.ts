import { concatBytes } from "../../../base/bytes.ts";
import { Fields, type HeaderList, isToken, MAX_HEADER_SIZE } from "../../wasi/http/fields.ts";
import type { ResponseSink } from "../calls.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** One of these makes a header a response. Source: RFC 3875 §6.2, and as in Spin `status` alone. */
const SUFFICIENT = ["content-type", "location", "status"];

/** Passes what a command prints on as a response: a header, an empty line, and the body. */
export class CgiResponse {
  readonly #sink: ResponseSink;
  readonly #isForHead: boolean;
  #early: Uint8Array = new Uint8Array();
  #isOpen = false;
  #hasBody = false;
  #failure: unknown;

  constructor(sink: ResponseSink, isForHead: boolean) {
    this.#sink = sink;
    this.#isForHead = isForHead;
  }

  /** Takes the next bytes; the command waits for the promise. @throws Error for a header that is none */
  write(bytes: Uint8Array): Promise<void> | void {
    if (this.#isOpen) return this.#chunk(bytes);
    try {
      return this.#writeEarly(bytes);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** @throws Error if the command has printed no whole header */
  finish(): void {
    if (this.#failure) throw this.#failure;
    if (!this.#isOpen) throw new Error("the guest printed no header and empty line");
    this.#sink.end(true);
  }

  #writeEarly(bytes: Uint8Array): Promise<void> | void {
    this.#early = concatBytes([this.#early, bytes]);
    const end = headerEnd(this.#early);
    if (end !== undefined) return this.#open(this.#early.subarray(0, end), this.#early.slice(end));
    if (this.#early.length > MAX_HEADER_SIZE) {
      throw new Error(`the guest printed no empty line within ${MAX_HEADER_SIZE} bytes`);
    }
  }

  #open(header: Uint8Array, body: Uint8Array): Promise<void> | void {
    const { status, headers } = parseHeader(new TextDecoder("utf-8").decode(header));
    this.#isOpen = true;
    this.#early = new Uint8Array();
    // No body is sent, whatever the headers say of its length (RFC 9110 §6.4.1).
    this.#hasBody = !this.#isForHead && status !== 204 && status !== 205 && status !== 304;
    this.#sink.head(status, headers);
    return this.#chunk(body);
  }

  #chunk(bytes: Uint8Array): Promise<void> | void {
    if (this.#hasBody && bytes.length > 0) return this.#sink.chunk(bytes);
  }
}

/** Returns where the header ends, after the first empty line; undefined if there is none. */
function headerEnd(bytes: Uint8Array): number | undefined {
  let start = 0;
  for (let at; (at = bytes.indexOf(LINE_FEED, start)) >= 0; start = at + 1) {
    const isEmpty = at === start || (at === start + 1 && bytes[start] === CARRIAGE_RETURN);
    if (isEmpty) return at + 1;
  }
}

/** Parses a header; lines that are no fields are left out. @throws Error if it is no response */
function parseHeader(text: string): { status: number; headers: HeaderList } {
  const fields = text.split("\n").flatMap((line): [string, string][] => {
    const [, name = "", value = ""] = /^([^:]+):(.*)$/.exec(line.replace(/\r$/, "")) ?? [];
    return isToken(name.trim()) ? [[name.trim().toLowerCase(), value.trim()]] : [];
  });
  const of = (name: string) => fields.findLast(([each]) => each === name)?.[1];
  if (!SUFFICIENT.some((name) => of(name) !== undefined)) {
    throw new Error("the guest printed a header without content-type, location or status");
  }
  const headers = Fields.received(fields.filter(([name]) => name !== "status"));
  return { status: statusOf(of("status"), of("location")), headers: Fields.toList(headers) };
}

/** Source: Spin's `wagi::compose_response`: 502 for a status that is none. */
function statusOf(status: string | undefined, location: string | undefined): number {
  if (status === undefined) return location === undefined ? 200 : 302;
  const [, code] = /^([2-5]\d\d)(?: |$)/.exec(status) ?? [];
  return code === undefined ? 502 : Number(code);
}
