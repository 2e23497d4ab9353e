import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { LarderError } from "../../../base/errors.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { readCertificates } from "./ca.ts";

/** A certificate with its chain, and its key; both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** @throws LarderError LDR_DISK* */
export function readPem(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/**
 * Checks what the runtime reports without any name, or not at all: Deno 2.4 ends at once if the two do not match.
 *
 * @param source the option that names the certificate
 * @throws LarderError LDR_CONFIG, with the path of the file that cannot be used
 */
export function checkPair(
  { cert, key }: KeyPair,
  certPath: string,
  keyPath: string,
  source: string,
): void {
  readCertificates(certPath, source);
  const hint = "use a key in PEM format without a password";
  if (/ENCRYPTED/.test(key)) throw unusable(keyPath, "it is encrypted", hint);
  let own: string | undefined;
  let certified: string | undefined;
  try {
    own = spki(createPublicKey(createPrivateKey(key)));
  } catch (error) {
    throw unusable(keyPath, "it is not a private key in PEM format", hint, error);
  }
  try {
    certified = spki(new X509Certificate(cert).publicKey);
  } catch {
    return; // Deno 2.4 does not support every kind of key here.
  }
  if (own === certified) return;
  throw unusable(keyPath, `it is not the key of ${certPath}`, "put the right key there");
}

function spki(key: ReturnType<typeof createPublicKey>): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}

/** Makes the error for a file that cannot be used. */
export function unusable(path: string, reason: string, hint: string, cause?: unknown): LarderError {
  return new LarderError("LDR_CONFIG", `cannot use ${path}: ${reason}`, { hint, cause });
}
