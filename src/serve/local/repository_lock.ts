import { join } from "node:path";
import { temporaryOf } from "../../base/files/atomic_write.ts";
import { ensureFolder, removeIfAny } from "../../base/files/files.ts";
import { openOrCreate } from "../../base/files/open_file.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Layout } from "../../store/layout.ts";
import { openLocked } from "../../store/locks/file_lock.ts";

/** In the folder of the repository, whose other files and folders have names that begin with no dot. */
const LOCK_FILE = temporaryOf(".changes");

/** One minute, after which the process that has the lock is taken for suspended. */
const WAIT = 60_000;

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
  const path = join(folder, LOCK_FILE);
  const { file, result } = (await openLocked(path, true, openOrCreate, { timeout: WAIT }))!;
  try {
    return await work();
  } finally {
    try {
      if (result !== "busy") removeIfAny(path);
    } finally {
      file.close();
    }
  }
}
