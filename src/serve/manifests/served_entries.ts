import type { Clock } from "../../base/concurrency.ts";
import { hasCode } from "../../base/errors.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { isDeletionError } from "../../base/files/files.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Manifest } from "../../oci/manifest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { servedRecord } from "../../store/entries/app_record.ts";
import type { Layout } from "../../store/layout.ts";
import { withSharedLock } from "../../store/locks/store_lock.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";

/** A minute between two writes of the last use or check of an entry. */
const WRITE_INTERVAL = 60_000;

/** Entries whose last write is remembered. */
const MAX_REMEMBERED = 10_000;

export interface EntryDependencies {
  readonly layout: Layout;
  readonly store: ManifestStore;
  readonly clock: Clock;
  /** Receives what could not be kept, in one line. */
  readonly warn: (message: string) => void;
}

/** Writes the entries of what is served. A write holds the store lock, which no request does for longer. */
export class ServedEntries {
  readonly #deps: EntryDependencies;
  /** When an entry was last written, by name. */
  readonly #written = new RecentMap<string, number>(MAX_REMEMBERED);

  constructor(deps: EntryDependencies) {
    this.#deps = deps;
  }

  /**
   * Stores a manifest without an entry of its own.
   * @returns false if the disk does not take it
   */
  store(repository: Reference, manifest: Manifest): Promise<boolean> {
    return this.#write(`${manifest.digest} of ${formatReference(repository)}`, async () => {
      await Promise.resolve(this.#deps.store.publishManifest(repository, manifest));
    });
  }

  /**
   * Publishes a stored manifest as the entry of a reference. An entry that has it already, such as one that was pulled,
   * is only confirmed; if another process has found later that the tag has moved, the entry stays as it is.
   *
   * @param checkedAt when the registry named the manifest, in milliseconds since the epoch
   */
  async publish(reference: Reference, manifest: Manifest, checkedAt: number): Promise<void> {
    const name = formatReference(reference);
    this.#isDue(name);
    await this.#write(name, () =>
      this.#deps.store.publishServed(reference, manifest, (current) => {
        const time = new Date(checkedAt).toISOString();
        if (current?.digest === manifest.digest) return { ...current, checkedAt: time };
        const known = current ? Date.parse(current.checkedAt) : 0;
        if (known > checkedAt && known <= this.#deps.clock.now()) return undefined;
        return servedRecord(reference, manifest, checkedAt);
      }));
  }

  /**
   * Notes that the registry confirmed the digest of a reference, once a minute.
   * @returns false if the entry does not have this digest: the disk did not take it before, or it was lost
   */
  async confirm(reference: Reference, digest: Digest, checkedAt: number): Promise<boolean> {
    const name = formatReference(reference);
    if (!this.#isDue(name)) return true;
    const time = new Date(checkedAt).toISOString();
    let isThere = this.#deps.store.hasRecord(reference);
    await this.#write(name, () =>
      this.#deps.store.confirmRecord(reference, (record) => {
        isThere = record?.digest === digest;
        return record && isThere ? { ...record, checkedAt: time } : undefined;
      }));
    return isThere;
  }

  /** True if what keeps a manifest has to be marked as used, which is so once a minute. */
  isUseDue(reference: Reference): boolean {
    return this.#isDue(formatReference(reference));
  }

  /** Marks entries as used. */
  touch(references: readonly Reference[]): void {
    for (const reference of references) {
      this.#deps.store.touch(reference, this.#deps.clock.now());
    }
  }

  /** True if an entry was not written within the last minute; it then counts as written. */
  #isDue(name: string): boolean {
    const now = this.#deps.clock.elapsed();
    if (now - (this.#written.get(name) ?? -Infinity) < WRITE_INTERVAL) return false;
    this.#written.set(name, now);
    return true;
  }

  async #write(name: string, write: () => Promise<void>): Promise<boolean> {
    try {
      await withSharedLock(this.#deps.layout, write);
      return true;
    } catch (error) {
      // The cache may have been deleted meanwhile; what is served is served all the same.
      if (!isDeletionError(error)) {
        const codes = ["LDR_DISK", "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION"] as const;
        if (!hasCode(error, ...codes, "LDR_BUSY")) throw error;
        this.#deps.warn(`cannot keep ${name}: ${error.message}`);
      }
      return false;
    }
  }
}
