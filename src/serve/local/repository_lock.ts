import { ensureFolder } from "../../base/files/files.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Layout } from "../../store/layout.ts";
import { EntryLock } from "../../store/locks/entry_lock.ts";

/**
 * Runs a change of a repository while no other server on the cache changes it: a deletion must not remove what a push is
 * about to refer to. The caller holds the store lock.
 *
 * @throws LarderError LDR_DISK*
 */
export async function withRepositoryLock<T>(
  layout: Layout,
  repository: Reference,
  work: () => Promise<T>,
): Promise<T> {
  const folder = layout.repositoryFolder(repository);
  ensureFolder(folder);
  using _lock = await EntryLock.take(folder);
  return await work();
}
