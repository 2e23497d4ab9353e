import { dirname } from "node:path";
import { toBase64 } from "../../base/base64.ts";
import { LarderError } from "../../base/errors.ts";
import { ensureFolder, writeFileAtomic } from "../../base/files.ts";
import type { PasswordCredential } from "./credential.ts";
import { isFor, readDocument, serverKey, splitKey } from "./docker_config.ts";

/**
 * Stores the credentials for a registry in larder's own file, in place of earlier ones. The file has the format of
 * Docker's `config.json`, and only the user may read it.
 *
 * @throws LarderError LDR_CONFIG for an invalid file, LDR_DISK*
 */
export function storeCredential(
  path: string,
  registry: string,
  { username, password }: Pick<PasswordCredential, "username" | "password">,
): void {
  const document = readDocument(path) ?? {};
  const auth = toBase64(`${username}:${password}`);
  const others = entries(document).filter(([key]) => !isForWhole(key, registry));
  write(path, document, [...others, [serverKey(registry), { auth }]]);
}

/**
 * Removes the credentials for a registry.
 * @returns false if there were none
 * @throws LarderError LDR_CONFIG for an invalid file, LDR_DISK*
 */
export function removeCredential(path: string, registry: string): boolean {
  const document = readDocument(path) ?? {};
  const all = entries(document);
  const others = all.filter(([key]) => !isForWhole(key, registry));
  if (others.length === all.length) return false;
  write(path, document, others);
  return true;
}

function entries(document: Record<string, unknown>): [key: string, entry: unknown][] {
  return Object.entries(document.auths ?? {});
}

/** True if a key is for the whole registry; larder writes no keys for parts and does not change them. */
function isForWhole(key: string, registry: string): boolean {
  return isFor(key, registry) && splitKey(key).path === "";
}

function write(
  path: string,
  document: Record<string, unknown>,
  auths: [key: string, entry: unknown][],
): void {
  try {
    ensureFolder(dirname(path));
    const content = { ...document, auths: Object.fromEntries(auths) };
    writeFileAtomic(path, JSON.stringify(content, null, 2) + "\n");
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    const hint = "check the config folder, which larder dir --config prints";
    throw new LarderError(error.code, error.message, { hint, cause: error.cause });
  }
}
