import { sleep } from "../base/concurrency.ts";
import type { UnsizedEntry } from "./entry.ts";
import { addStrayFiles, type Folder, readTree } from "./entry_folders.ts";
import type { Reading } from "./reading.ts";
import { RepositoryReader } from "./repository_reader.ts";

/** Repository folders between two yields to the event loop, so that Ctrl-C works in a large cache. */
const FOLDERS_PER_YIELD = 100;

/** Reads the apps and images: every reference, and the manifests that they share. */
export async function readAppEntries(
  reading: Reading,
  progressed?: (entries: number) => void,
): Promise<UnsizedEntry[]> {
  const { layout, strays } = reading;
  const entries: UnsizedEntry[] = [];
  const walk = async (folder: Folder, name: string) => {
    const reader = new RepositoryReader(reading, folder, name);
    for (const entry of await reader.entries()) entries.push(entry);
    progressed?.(entries.length);
    for (const child of folder.folders) {
      // Most folders are tags and digests, with no folder below.
      if (child.folders.length > 0) await walk(child, `${name}/${layout.partOfName(child.name)}`);
    }
  };
  for (const registry of readTree(layout.manifests, strays)) {
    addStrayFiles(registry, false, strays);
    for (const [i, folder] of registry.folders.entries()) {
      if (i % FOLDERS_PER_YIELD === 0) await sleep(0);
      addStrayFiles(folder, false, strays);
      const name = layout.partOfName(folder.name);
      await walk(folder, `${layout.registryOfName(registry.name)}/${name}`);
    }
  }
  return entries;
}
