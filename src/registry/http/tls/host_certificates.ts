import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { isNotFound } from "../../../base/files/files.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { readCertificates } from "./ca.ts";
import { checkPair, readPem, unusable } from "./key_pair.ts";

/** Certificates for the connections to one host. */
export interface HostCertificates {
  /** PEM certificates to trust beside the built-in ones. */
  readonly caCerts: readonly string[];
  /** The certificate that larder shows, with its chain, and its key; both PEM. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** The folder that they are from, for messages. */
  readonly folder: string;
}

/**
 * Reads the certificates for the host of an HTTPS URL from the first of the folders that has one for it: `*.crt` are
 * CAs, and `NAME.cert` with `NAME.key` is a client certificate. What the user may not read is left out, because the
 * folders of the system may be for a daemon alone.
 *
 * Source: dockerd, "Verify repository client with certificates"; containers-certs.d(5).
 *
 * @returns undefined if no folder has any
 * @throws LarderError LDR_CONFIG for a file that cannot be used, LDR_DISK*
 */
export function readHostCertificates(
  folders: readonly string[],
  { host, port }: Pick<URL, "host" | "port">,
): HostCertificates | undefined {
  const hosts = port === "" ? [host, `${host}:443`] : [host];
  for (const folder of folders.flatMap((parent) => hosts.map((host) => join(parent, host)))) {
    const names = namesIn(folder);
    if (!names) continue;
    const ending = (text: string) => names.filter((name) => name.endsWith(text));
    return {
      folder,
      caCerts: ending(".crt").flatMap((name) =>
        ifReadable(() => readCertificates(join(folder, name), folder)) ?? []
      ),
      client: clientCertificate(folder, ending(".cert"), ending(".key")),
    };
  }
  return undefined;
}

/** Returns the names in a folder in order, or undefined if there is none that the user may read. */
function namesIn(folder: string): string[] | undefined {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch (error) {
    if (isNotFound(error) || error instanceof Deno.errors.PermissionDenied) return undefined;
    throw diskError(error, "list", folder);
  }
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LarderError && error.code === "LDR_PERMISSION") return undefined;
    throw error;
  }
}

/** Reads the first pair of certificate and key; the runtime shows only one. */
function clientCertificate(
  folder: string,
  certs: readonly string[],
  keys: readonly string[],
): HostCertificates["client"] {
  const stem = (name: string) => name.slice(0, name.lastIndexOf("."));
  const single = [...certs, ...keys].find((name) =>
    !(certs.includes(`${stem(name)}.cert`) && keys.includes(`${stem(name)}.key`))
  );
  if (single) {
    const missing = `${stem(single)}${single.endsWith(".key") ? ".cert" : ".key"}`;
    throw unusable(
      join(folder, single),
      `${missing} is missing beside it`,
      "a client certificate NAME.cert needs its NAME.key; the certificate of a CA is NAME.crt",
    );
  }
  const [name] = certs;
  if (!name) return undefined;
  const [certPath, keyPath] = [join(folder, name), join(folder, `${stem(name)}.key`)];
  const client = ifReadable(() => ({ cert: readPem(certPath), key: readPem(keyPath) }));
  if (client) checkPair(client, certPath, keyPath, "its folder");
  return client;
}
