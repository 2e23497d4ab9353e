import type { CacheSnapshot } from "../snapshot/types.ts";

/**
 * The space that removing content frees on the disk, in whole blocks. Content is stat'ed when it is added, which only
 * `minFree` needs: a plan to apply stats the same files.
 */
export class FreedBlocks {
  readonly #snapshot: CacheSnapshot;
  /** The names that are left of files with several: the last one frees the space. */
  readonly #names = new Map<string, number>();

  constructor(snapshot: CacheSnapshot) {
    this.#snapshot = snapshot;
  }

  /** Removes content. @returns the bytes that this frees */
  remove(ids: readonly number[]): number {
    return ids.reduce((sum, id) => sum + this.#change(id, -1), 0);
  }

  /** Puts removed content back. @returns the bytes that this takes */
  putBack(ids: readonly number[]): number {
    return ids.reduce((sum, id) => sum + this.#change(id, 1), 0);
  }

  /** Returns the bytes of the content if the number of its names changes to or from none; 0 otherwise. */
  #change(id: number, difference: 1 | -1): number {
    const content = this.#snapshot.contents[id]!;
    const { allocated, links } = content.state();
    const folder = content.tree === "manifests" ? this.#snapshot.folderAllocated : 0;
    if (!links) return allocated + folder;
    const before = this.#names.get(links.inode) ?? links.count;
    this.#names.set(links.inode, before + difference);
    return Math.min(before, before + difference) === 0 ? allocated : 0;
  }
}
