import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { readTextIfAny } from "../../../base/files/files.ts";
import { createClient } from "./client.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a PEM file and checks each one: the runtime does not say which of them it cannot read, and
 * accepts any other text silently.
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
  const problem = problemOf(certificates);
  if (problem) {
    const bad = certificates.findIndex((certificate) => problemOf([certificate]));
    throw notPem(path, source, `its certificate ${bad + 1} cannot be read`, problem.cause);
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
  const all = [...certificates];
  return problemOf(all) ? all.filter((certificate) => !problemOf([certificate])) : all;
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

/**
 * Returns the runtime's error for certificates of which it cannot read one. A client reads hundreds in 2 ms, while
 * loading node:crypto for this takes 12 ms, and 25 ms with Deno 2.9.
 */
function problemOf(caCerts: string[]): { readonly cause: unknown } | undefined {
  try {
    createClient({ caCerts }).close();
    return undefined;
  } catch (cause) {
    if (cause instanceof LarderError) throw cause;
    return { cause };
  }
}

function notPem(path: string, source: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_CONFIG", `cannot use ${path}, which ${source} names: ${reason}`, {
    hint: "use a PEM file, in which a certificate begins with -----BEGIN CERTIFICATE-----",
    cause,
  });
}
