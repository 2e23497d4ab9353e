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

/** The packages of the cache: each is a record that names one blob. Its mtime is the last use. */
export class PackageStore {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /**
   * Writes down that a package is used now, and, if it is new or has another file, since when it is there. To be called
   * while the store's shared lock is held, once the blob is there.
   *
   * @param now milliseconds since the epoch
   * @throws LarderError LDR_DISK*
   */
  use(file: Omit<PackageRecord, "schemaVersion" | "createdAt">, now: number): void {
    const folder = this.#layout.packageFolder(file.source, file.name, file.version, file.arch);
    const path = join(folder, RECORD_FILE);
    const before = parsePackageRecord(readTextIfAny(path) ?? "");
    if (before?.digest === file.digest) {
      return writeFileUnsynced(path, formatPackageRecord({ ...before, ...file }));
    }
    ensureFolder(folder);
    const createdAt = new Date(now).toISOString();
    writeFileAtomic(path, formatPackageRecord({ schemaVersion: 1, ...file, createdAt }));
    syncFolder(folder);
  }
}
