import canonicalize from "canonicalize";
import * as v from "valibot";
import { toHex } from "../../base/bytes.ts";
import { LarderError } from "../../base/errors.ts";
import { RECORD_KINDS, type RecordKind, type SharedRecord } from "./shared_content.ts";

/** 32 bytes that a key has at least: as many as the hash has (RFC 2104 §3). */
const KEY_SIZE = 32;

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

const SignedRecordSchema = v.object({
  formatVersion: v.literal(1),
  kind: v.picklist(RECORD_KINDS),
  name: v.string(),
  value: v.unknown(),
  /** Hexadecimal HMAC-SHA-256 of the RFC 8785 form of everything else. */
  hmac: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

/** Signs records with a key that machines share, and checks those of others (RFC 2104). */
export class RecordSigner {
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey) {
    this.#key = key;
  }

  /** @param file the bytes of the key file; white space at its ends does not count @throws LarderError LDR_CONFIG */
  static async of(file: Uint8Array): Promise<RecordSigner> {
    const bytes = trimmed(file);
    if (bytes.length < KEY_SIZE) {
      const message = `the key has ${bytes.length} bytes, and needs ${KEY_SIZE} at least`;
      throw new LarderError("LDR_CONFIG", message, {
        hint: "make one with: openssl rand -base64 32",
      });
    }
    return new RecordSigner(
      await crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign", "verify"]),
    );
  }

  /** Returns the bytes to store. */
  async sign({ kind, name, value }: SharedRecord): Promise<Uint8Array<ArrayBuffer>> {
    const content = { formatVersion: 1, kind, name, value };
    const hmac = toHex(
      new Uint8Array(await crypto.subtle.sign("HMAC", this.#key, canonical(content))),
    );
    return new TextEncoder().encode(JSON.stringify({ ...content, hmac }));
  }

  /**
   * Returns the value of a record.
   * @throws LarderError LDR_UNVERIFIED if it was not signed with this key, or is about something else
   */
  async open(bytes: Uint8Array, kind: RecordKind, name: string): Promise<unknown> {
    const record = parse(bytes);
    if (!record) throw unverified("it is no signed record");
    const { hmac, ...content } = record;
    const mac = Uint8Array.from(hmac.match(/../g)!, (digits) => parseInt(digits, 16));
    if (!await crypto.subtle.verify("HMAC", this.#key, mac, canonical(content))) {
      throw unverified("it is not signed with the key of shared.key_file");
    }
    if (record.kind !== kind || record.name !== name) {
      throw unverified("it is about something else");
    }
    return record.value;
  }
}

function parse(bytes: Uint8Array): v.InferOutput<typeof SignedRecordSchema> | undefined {
  try {
    return v.parse(SignedRecordSchema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

/** Returns the RFC 8785 form, so that the order of members does not matter. */
function canonical(content: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalize(content));
}

function trimmed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const isSpace = (byte: number | undefined) => byte === 0x20 || (byte! >= 0x09 && byte! <= 0x0d);
  let [start, end] = [0, bytes.length];
  while (start < end && isSpace(bytes[start])) start++;
  while (start < end && isSpace(bytes[end - 1])) end--;
  return bytes.slice(start, end);
}

function unverified(fault: string): LarderError {
  return new LarderError("LDR_UNVERIFIED", fault, {
    hint: "give all machines the same shared.key_file, and remove records of others",
  });
}
