import { X509Certificate } from "node:crypto";
import { LarderError } from "../../base/errors.ts";
import { diskError } from "../../base/files.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a PEM file and checks each one, because the runtime accepts any text silently.
 *
 * @param source the option or variable that names the file
 * @throws LarderError LDR_CONFIG, LDR_DISK*
 */
export function readCertificates(path: string, source: string): string[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw new LarderError("LDR_CONFIG", `no file ${path}, which ${source} names`, {
      hint: `set ${source} to a PEM file with the CA's certificate, or leave it out`,
    });
  }
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw notPem(path, source, "it has no certificate in PEM format");
  for (const [i, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw notPem(path, source, `its certificate ${i + 1} cannot be read`, error);
    }
  }
  return certificates;
}

function notPem(path: string, source: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_CONFIG", `cannot use ${path}, which ${source} names: ${reason}`, {
    hint: "use a PEM file, in which a certificate begins with -----BEGIN CERTIFICATE-----",
    cause,
  });
}
