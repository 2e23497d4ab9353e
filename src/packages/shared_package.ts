import type { SharedContent } from "../registry/shared/shared_content.ts";
import {
  formatPackageRecord,
  type PackageId,
  type PackageRecord,
  parsePackageRecord,
} from "../store/entries/package_record.ts";
import type { PackageStore } from "../store/entries/package_store.ts";
import type { PackageResult } from "./package_request.ts";

/** Returns the record that the shared cache has of a package; undefined if there is none. */
export async function sharedPackage(
  shared: SharedContent,
  id: PackageId,
  signal: AbortSignal,
): Promise<PackageRecord | undefined> {
  const value = await shared.record("packages", nameOf(id), signal);
  const record = parsePackageRecord(JSON.stringify(value ?? null));
  return record && nameOf(record) === nameOf(id) ? record : undefined;
}

/** Offers a package that its server has sent, with its record. */
export function offerPackage(
  shared: SharedContent,
  { request, digest, path }: PackageResult,
  packages: PackageStore,
  replaces: boolean,
): void {
  const record = packages.find(request.id);
  if (record?.digest !== digest) return;
  shared.offer({
    blobs: [{ descriptor: record, path }],
    record: {
      kind: "packages",
      name: nameOf(record),
      value: JSON.parse(formatPackageRecord(record)),
    },
    replaces,
  });
}

/** Identifies a package; its parts can have any characters between them. */
function nameOf({ source, name, version, arch }: PackageId): string {
  return JSON.stringify([source, name, version, arch]);
}
