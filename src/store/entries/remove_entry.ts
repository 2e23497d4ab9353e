import { join } from "node:path";
import {
  isDeletionError,
  removeFolderIfEmpty,
  removeIfAny,
  statIfAny,
} from "../../base/files/files.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../layout.ts";
import { EntryLock } from "../locks/entry_lock.ts";

/**
 * Removes the record of the entry in a folder, so that its manifest is content of other entries, or unreferenced. The
 * caller holds the store lock.
 *
 * @throws LarderError LDR_DISK*
 */
export async function removeRecord(folder: string): Promise<void> {
  await remove(folder, [RECORD_FILE]);
}

/**
 * Removes the entry in a folder with its manifest, roots before leaves. The caller holds the store lock.
 * @returns false if there is none
 * @throws LarderError LDR_DISK*
 */
export async function removeEntry(folder: string): Promise<boolean> {
  return await remove(folder, [PIN_FILE, RECORD_FILE, MANIFEST_FILE, CONFIG_FILE]);
}

async function remove(folder: string, names: readonly string[]): Promise<boolean> {
  const paths = names.map((name) => join(folder, name));
  if (!paths.some((path) => statIfAny(path))) return false;
  try {
    using _lock = await EntryLock.take(folder);
    for (const path of paths) removeIfAny(path);
  } catch (error) {
    // Another process has just removed the folder.
    if (isDeletionError(error)) return false;
    throw error;
  }
  removeFolderIfEmpty(folder);
  return true;
}
