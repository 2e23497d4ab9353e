import { LarderError } from "../base/errors.ts";

declare const brand: unique symbol;

/**
 * A digest in canonical form: `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits.
 *
 * Invariant: only {@link parseDigest}, {@link asDigest} and hashing create one, so a `Digest` is safe as a file name.
 * Source: OCI image-spec, descriptor.md, "Digests".
 */
export type Digest = string & { readonly [brand]: "Digest" };

export type DigestAlgorithm = "sha256" | "sha512";

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Returns `text` as a digest, or undefined if it is not one. */
export function asDigest(text: string): Digest | undefined {
  return PATTERN.test(text) ? text as Digest : undefined;
}

/**
 * Parses a digest.
 * @throws LarderError LDR_BAD_REFERENCE, which names the part that is wrong
 */
export function parseDigest(text: string): Digest {
  const digest = asDigest(text);
  if (digest) return digest;
  const [algorithm = "", hex] = text.split(":", 2);
  const reason = hex === undefined
    ? `it has no algorithm before a ":"`
    : algorithm !== "sha256" && algorithm !== "sha512"
    ? `the algorithm "${algorithm}" is not sha256 or sha512`
    : `${algorithm} needs ${algorithm === "sha256" ? 64 : 128} lower-case hexadecimal digits`;
  throw new LarderError("LDR_BAD_REFERENCE", `bad digest "${text}": ${reason}`, {
    hint: "write sha256: and 64 digits of 0-9 and a-f",
  });
}

/** Returns the algorithm of a digest. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, 6) as DigestAlgorithm;
}

/** Returns the first 12 hexadecimal digits, as Docker and other tools abbreviate digests. */
export function shortDigest(digest: Digest): string {
  const start = digest.indexOf(":") + 1;
  return digest.slice(start, start + 12);
}

/** Shortens each digest in a text as {@link shortDigest} does, except that of a reference: `app@sha256:…`. */
export function shortenDigests(text: string): string {
  return text.replace(
    /(?<![@\w])sha(?:256|512):([0-9a-f]{12})(?:[0-9a-f]{52}|[0-9a-f]{116})\b/g,
    "$1",
  );
}
