import { dirname } from "node:path";
import { toBase64 } from "../../base/base64.ts";
import { LarderError } from "../../base/errors.ts";
import { ensureFolder, FILE_MODE } from "../../base/files/files.ts";
import { diskError } from "../../base/files/system_error.ts";
import { replaceUserFile } from "../../base/files/user_file.ts";
import { formatJson } from "../../base/json.ts";
import type { PasswordCredential } from "./credential.ts";
import { isFor, readDocument, serverKey, splitKey } from "./docker_config.ts";

type Entries = [key: string, entry: unknown][];

/**
 * Stores the credentials for a registry in larder's own file, in place of earlier ones. The file has the format of
 * Docker's `config.json`, and only the user may read it unless its mode was changed.
 *
 * @throws LarderError LDR_CONFIG for an invalid file, LDR_DISK*
 */
export function storeCredential(
  path: string,
  registry: string,
  { username, password }: Pick<PasswordCredential, "username" | "password">,
): void {
  const auth = toBase64(`${username}:${password}`);
  update(path, (entries) => [
    ...entries.filter(([key]) => !isForWhole(key, registry)),
    [serverKey(registry), { auth }],
  ]);
}

/**
 * Removes the credentials for a registry.
 * @returns false if there were none
 * @throws LarderError LDR_CONFIG for an invalid file, LDR_DISK*
 */
export function removeCredential(path: string, registry: string): boolean {
  const isFound = (entries: Entries) => entries.some(([key]) => isForWhole(key, registry));
  if (!isFound(entriesOf(readDocument(path) ?? {}))) return false;
  update(path, (entries) => entries.filter(([key]) => !isForWhole(key, registry)));
  return true;
}

function entriesOf(document: Record<string, unknown>): Entries {
  return Object.entries(document.auths ?? {});
}

/** True if a key is for the whole registry; larder writes no keys for parts and does not change them. */
function isForWhole(key: string, registry: string): boolean {
  return isFor(key, registry) && splitKey(key).path === "";
}

/** Changes the entries of the file, one process after another: of ten logins at once, none is lost. */
function update(path: string, edit: (entries: Entries) => Entries): void {
  try {
    ensureFolder(dirname(path));
    const lock = lockBeside(path);
    try {
      const document = readDocument(path) ?? {};
      const content = { ...document, auths: Object.fromEntries(edit(entriesOf(document))) };
      replaceUserFile(path, formatJson(content));
    } finally {
      lock.close();
    }
  } catch (error) {
    if (!(error instanceof LarderError) || error.code === "LDR_CONFIG") throw error;
    const hint = "check the config folder, which larder dir --config prints";
    throw new LarderError(error.code, error.message, { hint, cause: error.cause });
  }
}

/** Locks a file beside `path`, because the file itself is replaced. */
function lockBeside(path: string): Deno.FsFile {
  const name = `${path}.lock`;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(name, { write: true, create: true, mode: FILE_MODE });
  } catch (error) {
    throw diskError(error, "write", name);
  }
  try {
    file.lockSync(true);
  } catch {
    // The file system has no locks: the last of several logins wins.
  }
  return file;
}
