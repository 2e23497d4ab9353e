import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { readTextIfAny } from "../../../base/files/files.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a PEM file and checks each one, because the runtime accepts any text silently.
 *
 * @param source the option or variable that names the file
 * @throws LarderError LDR_CONFIG, LDR_DISK*
 */
export function readCertificates(path: string, source: string): string[] {
  const text = readTextIfAny(path);
  if (text === undefined) {
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

/**
 * Returns every certificate in the files of a folder, as those of `SSL_CERT_DIR` are. What cannot be read is left out,
 * because the folder belongs to the system, and so is a folder that does not exist.
 */
export function readCertificateFolder(folder: string): string[] {
  const certificates = new Set<string>();
  for (const name of namesIn(folder)) {
    for (const certificate of certificatesIn(join(folder, name))) certificates.add(certificate);
  }
  return [...certificates].filter(isCertificate);
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}

function certificatesIn(path: string): readonly string[] {
  try {
    return Deno.readTextFileSync(path).match(CERTIFICATE) ?? [];
  } catch {
    return []; // A folder, or a dangling link.
  }
}

function isCertificate(text: string): boolean {
  try {
    new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}

function notPem(path: string, source: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_CONFIG", `cannot use ${path}, which ${source} names: ${reason}`, {
    hint: "use a PEM file, in which a certificate begins with -----BEGIN CERTIFICATE-----",
    cause,
  });
}
