const BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE = "-----BEGIN PGP SIGNATURE-----";

/**
 * Returns the text of a file that is signed in clear text, without checking the signature, or the file as it is if it is
 * not signed. Source: RFC 9580 §7, "Cleartext Signature Framework".
 */
export function signedText(file: string): string {
  const lines = file.split(/\r?\n/);
  const begin = lines.indexOf(BEGIN);
  if (begin < 0) return file;
  const start = lines.indexOf("", begin) + 1;
  const end = lines.indexOf(SIGNATURE, start);
  return lines.slice(start, end < 0 ? undefined : end).map((line) => line.replace(/^- /, ""))
    .join("\n");
}
