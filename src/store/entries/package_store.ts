import { join } from "node:path";
import {
  ensureFolder,
  readTextIfAny,
  syncFolder,
  writeFileAtomic,
  writeFileUnsynced,
} from "../../base/files.ts";
import { type Layout, RECORD_FILE } from "../layout.ts";
import { formatPackageRecord, type PackageRecord, parsePackageRecord } from "./package_record.ts";

/** The packages in the cache. Each is a record that names one blob; the mtime of the record is the last use. */
export class PackageStore {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /**
   * Marks a package as used at `now`, and records it with its creation time if it is new or its file has changed. The
   * caller must hold the shared store lock and have written the blob.
   *
   * @param now milliseconds since the epoch
   * @throws LarderError LDR_DISK*
   */
  use(file: Omit<PackageRecord, "schemaVersion" | "createdAt">, now: number): void {
    const folder = this.#layout.packageFolder(file.source, file.name, file.version, file.arch);
    const path = join(folder, RECORD_FILE);
    const recorded = parsePackageRecord(readTextIfAny(path) ?? "");
    if (recorded?.digest === file.digest) {
      return writeFileUnsynced(path, formatPackageRecord({ ...recorded, ...file }));
    }
    ensureFolder(folder);
    const createdAt = new Date(now).toISOString();
    writeFileAtomic(path, formatPackageRecord({ schemaVersion: 1, ...file, createdAt }));
    syncFolder(folder);
  }
}
