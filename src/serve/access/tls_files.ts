import { X509Certificate } from "node:crypto";
import { LarderError } from "../../base/errors.ts";
import { checkPair, type KeyPair, readPem } from "../../registry/http/tls/key_pair.ts";

/**
 * Reads the certificate of the server, with its chain, and its key. They are read once: a new certificate takes a
 * restart.
 *
 * @returns undefined if neither is named
 * @throws LarderError LDR_USAGE if only one is named; LDR_CONFIG, LDR_DISK* for a file that cannot be used
 */
export function readTlsFiles(
  cert: string | undefined,
  key: string | undefined,
  now: number,
): KeyPair | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined
      ? ["--tls-key", "--tls-cert"]
      : ["--tls-cert", "--tls-key"];
    throw new LarderError("LDR_USAGE", `${given} needs ${missing}`, {
      hint: `add ${missing} FILE, or leave out ${given}`,
    });
  }
  const pair = { cert: readPem(cert), key: readPem(key) };
  checkPair(pair, cert, key, "--tls-cert");
  const { validTo } = new X509Certificate(pair.cert);
  if (Date.parse(validTo) < now) {
    throw new LarderError("LDR_CONFIG", `cannot use ${cert}: it expired on ${validTo}`, {
      hint: "renew the certificate",
    });
  }
  return pair;
}
