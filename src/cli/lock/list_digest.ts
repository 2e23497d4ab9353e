import canonicalize from "canonicalize";
import { parseDocument } from "yaml";
import { LarderError } from "../../base/errors.ts";
import { readBytesIfAny } from "../../base/files/files.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";

/** The limit on a list. */
const MAX_LIST = 128 * 1024 * 1024;

/**
 * Returns the digest of what a local YAML or JSON list says: its comments and the order of its keys do not count.
 * @throws LarderError LDR_NOT_FOUND, LDR_DISK*
 */
export function digestOfList(path: string): Digest {
  const bytes = readBytesIfAny(path, MAX_LIST);
  if (!bytes) {
    throw new LarderError("LDR_NOT_FOUND", `no file ${path}`, { hint: "check the path or URL" });
  }
  return digestOf(canonicalOf(bytes));
}

/** Scalars are taken as they are written, because the version 1.10 is not 1.1. Text that is no list stays as it is. */
function canonicalOf(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  const document = parseDocument(text, { schema: "failsafe", logLevel: "silent" });
  if (document.errors.length > 0) return bytes;
  try {
    return new TextEncoder().encode(canonicalize(document.toJS()));
  } catch {
    return bytes; // Aliases that expand without end.
  }
}
