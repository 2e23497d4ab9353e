import { join } from "node:path";
import {
  ensureFolder,
  readTextIfAny,
  syncFolder,
  tryTouch,
  writeFileAtomic,
  writeFileUnsynced,
} from "../../base/files.ts";
import { type Layout, RECORD_FILE } from "../layout.ts";
import {
  formatPackageRecord,
  type PackageId,
  type PackageRecord,
  parsePackageRecord,
} from "./package_record.ts";

/** The packages in the cache. Each is a record that names one blob; the mtime of the record is the last use. */
export class PackageStore {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Returns the record of a package; undefined if there is none, or an invalid one. */
  find(id: PackageId): PackageRecord | undefined {
    return parsePackageRecord(readTextIfAny(this.#recordOf(id)) ?? "");
  }

  /** Marks a cached package as used at `now` (milliseconds since the epoch). Ignores failures. */
  touch(id: PackageId, now: number): void {
    tryTouch(this.#recordOf(id), now);
  }

  /** Returns the folder of a package. */
  folder({ source, name, version, arch }: PackageId): string {
    return this.#layout.packageFolder(source, name, version, arch);
  }

  /**
   * Marks a package as used at `now`, and records it with its creation time if it is new or its file has changed. The
   * caller must hold the shared store lock and have written the blob.
   *
   * @param now milliseconds since the epoch
   * @throws LarderError LDR_DISK*
   */
  use(file: Omit<PackageRecord, "schemaVersion" | "createdAt">, now: number): void {
    const folder = this.folder(file);
    const path = this.#recordOf(file);
    const recorded = this.find(file);
    if (recorded?.digest === file.digest) {
      return writeFileUnsynced(path, formatPackageRecord({ ...recorded, ...file }));
    }
    ensureFolder(folder);
    const createdAt = new Date(now).toISOString();
    writeFileAtomic(path, formatPackageRecord({ schemaVersion: 1, ...file, createdAt }));
    syncFolder(folder);
  }
  #recordOf(id: PackageId): string {
    return join(this.folder(id), RECORD_FILE);
  }
}
