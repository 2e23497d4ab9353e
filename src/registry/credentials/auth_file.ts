import { toBase64 } from "../../base/base64.ts";
import { LarderError } from "../../base/errors.ts";
import { changeUserFile } from "../../base/files/user_file.ts";
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
    changeUserFile(path, () => {
      const document = readDocument(path) ?? {};
      const content = { ...document, auths: Object.fromEntries(edit(entriesOf(document))) };
      return formatJson(content);
    });
  } catch (error) {
    if (!(error instanceof LarderError) || error.code === "LDR_CONFIG") throw error;
    const hint = "check the config folder, which larder dir --config prints";
    throw new LarderError(error.code, error.message, { hint, cause: error.cause });
  }
}
