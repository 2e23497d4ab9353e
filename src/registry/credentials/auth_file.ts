import { dirname } from "node:path";
import { toBase64 } from "../../base/base64.ts";
import { LarderError } from "../../base/errors.ts";
import { ensureFolder, writeFileAtomic } from "../../base/files.ts";
import { isFor, readDocument, serverKey, splitKey } from "./docker_config.ts";
import type { PasswordCredential } from "./credential.ts";

/**
 * Stores the credentials for a registry, in place of those it has, in larder's own file, which the user alone may
 * read. Its form is that of Docker's `config.json`.
 */
export function storeCredential(
  path: string,
  registry: string,
  { username, password }: Pick<PasswordCredential, "username" | "password">,
): void {
  const document = readDocument(path) ?? {};
  const auth = toBase64(`${username}:${password}`);
  const others = entries(document).filter(([key]) => !isOf(key, registry));
  write(path, document, [...others, [serverKey(registry), { auth }]]);
}

/** Removes the credentials for a registry. Returns whether there were any. */
export function removeCredential(path: string, registry: string): boolean {
  const document = readDocument(path) ?? {};
  const all = entries(document);
  const others = all.filter(([key]) => !isOf(key, registry));
  if (others.length === all.length) return false;
  write(path, document, others);
  return true;
}

function entries(document: Record<string, unknown>): [key: string, entry: unknown][] {
  return Object.entries(document.auths ?? {});
}

/** Whether a key is for the whole registry; one for a part of it was not written by larder and is left alone. */
function isOf(key: string, registry: string): boolean {
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
    const hint = "look at the config folder: larder dir --config shows where it is";
    throw new LarderError(error.code, error.message, { hint, cause: error.cause });
  }
}
