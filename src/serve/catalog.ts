import { join } from "node:path";
import { sleep } from "../base/concurrency.ts";
import { readFolder, statIfAny } from "../base/files/files.ts";
import type { Reference } from "../oci/reference.ts";
import { type Layout, MANIFEST_FILE } from "../store/layout.ts";

/** Folders that are looked at between two yields to the event loop. */
const FOLDERS_PER_YIELD = 100;

/** Returns the repositories that have entries in the cache. */
export async function cachedRepositories(layout: Layout): Promise<Reference[]> {
  const found: Reference[] = [];
  let count = 0;
  const walk = async (folder: string, registry: string, repository: string) => {
    let isFound = false;
    for (const { name, isDirectory } of readFolder(folder)) {
      if (!isDirectory) continue;
      if (++count % FOLDERS_PER_YIELD === 0) await sleep(0);
      const child = join(folder, name);
      if (!isFound && repository !== "" && statIfAny(join(child, MANIFEST_FILE))) {
        isFound = true;
        found.push({ registry, repository });
      }
      if (layout.digestOfName(name)) continue;
      const part = layout.partOfName(name);
      await walk(child, registry, repository === "" ? part : `${repository}/${part}`);
    }
  };
  for (const { name, isDirectory } of readFolder(layout.manifests)) {
    if (isDirectory) await walk(join(layout.manifests, name), layout.registryOfName(name), "");
  }
  return found;
}
