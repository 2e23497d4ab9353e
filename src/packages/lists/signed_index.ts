import { hasCode, LarderError } from "../../base/errors.ts";
import { signedText } from "./cleartext.ts";
import type { Documents, ListDocument } from "./documents.ts";
import { unverified } from "./index_errors.ts";
import type { ListDeps } from "./list_deps.ts";
import { Keyring } from "./signature.ts";

/** An index that vouches for others, with its signature checked if there is a keyring. */
export interface SignedIndex {
  readonly document: ListDocument;
  /** What is signed, and nothing else. */
  readonly text: string;
  /** The documents to keep once everything that they vouch for is in the cache. */
  readonly documents: readonly ListDocument[];
}

/** Reads and checks an index that is signed in clear text, such as `InRelease`. */
export async function checkInline(
  document: ListDocument,
  keyring: string | undefined,
  deps: ListDeps,
): Promise<SignedIndex> {
  const text = keyring
    ? await (await Keyring.open(keyring)).verify(document, deps.clock.now())
    : unchecked(document, deps);
  return { document, text, documents: [document] };
}

/** Reads and checks an index whose signature is in a file of its own, such as `Release.gpg`. */
export async function checkDetached(
  document: ListDocument,
  signatureUrl: URL,
  keyring: string | undefined,
  documents: Documents,
  deps: ListDeps,
): Promise<SignedIndex> {
  if (!keyring) {
    return { document, text: unchecked(document, deps), documents: [document] };
  }
  const ring = await Keyring.open(keyring);
  const signature = await documents.readIfAny(signatureUrl);
  if (!signature) {
    throw unverified(
      document.name,
      `there is no signature ${signatureUrl.pathname.split("/").at(-1)} beside it`,
      "ask the operator of the repository to sign it",
    );
  }
  const signed = { name: document.name, bytes: document.bytes, signature: signature.bytes };
  const text = await ring.verify(signed, deps.clock.now());
  return { document, text, documents: [document, signature] };
}

/** Says that nothing was checked, and returns the text. */
function unchecked({ name, bytes }: ListDocument, deps: ListDeps): string {
  deps.note?.(
    `the signature of ${name} was not checked: --keyring names the keys that may sign it`,
  );
  return signedText(new TextDecoder().decode(bytes));
}

/** Codes of an index that is not the one that the signed index names: both are of different snapshots. */
const OTHER_SNAPSHOT = ["LDR_DIGEST_MISMATCH", "LDR_SIZE_MISMATCH", "LDR_NOT_FOUND"] as const;

/**
 * Reads a signed index and what it vouches for. If these are of different snapshots, because the mirror is updated at
 * that moment, both are read once more. Keeps the signed index afterwards.
 *
 * @throws LarderError of `read` and `use`; an index of another snapshot is reported as LDR_DIGEST_MISMATCH
 */
export async function withSnapshot<T>(
  read: () => Promise<SignedIndex>,
  use: (signed: SignedIndex) => Promise<T>,
  documents: Documents,
): Promise<T> {
  let signed = await read();
  let result: T;
  try {
    result = await use(signed);
  } catch (error) {
    if (!(error instanceof OtherSnapshot) || signed.document.isCached) throw error;
    const before = signed.document.digest;
    signed = await read();
    if (signed.document.digest === before) throw error;
    result = await use(signed);
  }
  for (const document of signed.documents) await documents.keep(document);
  return result;
}

/** An index that is not the one for which the signed index vouches. */
class OtherSnapshot extends LarderError {}

/** Returns the error for an index that a signed one names and that cannot be had, or is another one. */
export function asOtherSnapshot(error: unknown, index: string, signed: SignedIndex): unknown {
  if (!hasCode(error, ...OTHER_SNAPSHOT)) return error;
  return new OtherSnapshot(
    "LDR_DIGEST_MISMATCH",
    `${index} is not the one that ${signed.document.name} names: ${error.message}`,
    { hint: "the mirror may be updated at this moment: try again later", cause: error },
  );
}
