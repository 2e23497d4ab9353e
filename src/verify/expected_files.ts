import { sep } from "node:path";
import { LarderError } from "../base/errors.ts";
import { readTextIfAny } from "../base/files.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import { parseReference } from "../oci/reference.ts";
import { parseCompiledRecord } from "../store/entries/compiled_store.ts";
import { parseBuildRecord } from "../store/entries/build_record.ts";
import { type Layout, RECORD_FILE } from "../store/layout.ts";
import { parsePackageRecord } from "../store/entries/package_record.ts";
import { isFromRegistry, type SnapshotEntry } from "../snapshot/types.ts";
import { expectedFilesOfApp } from "./expected_app.ts";
import type { ManifestReader } from "../snapshot/manifest_reader.ts";
import { expectedBlob, type ExpectedFiles } from "./expectation.ts";

/** Finds out what an entry consists of. */
export function expectedFilesOf(
  layout: Layout,
  reader: ManifestReader,
  entry: SnapshotEntry,
): ExpectedFiles {
  if (!isFromRegistry(entry.type)) return dissectRecord(layout, entry);
  try {
    return expectedFilesOfApp(layout, reader, entry, parseReference(entry.name));
  } catch (error) {
    if (!(error instanceof LarderError) || error.code !== "LDR_BAD_REFERENCE") throw error;
    const fault = { kind: "misplaced", path: entry.folder, detail: error.message } as const;
    return { entry, needs: [], faults: [fault], cure: undefined };
  }
}

/** A package, a build or compiled code: a record that names blobs. */
function dissectRecord(layout: Layout, entry: SnapshotEntry): ExpectedFiles {
  const path = entry.folder + sep + RECORD_FILE;
  const cure = entry.isFromNewerVersion ? undefined : { by: "forget", record: path } as const;
  const blobs = entry.problem ? undefined : blobsOf(entry, readTextIfAny(path) ?? "");
  if (blobs) {
    return { entry, needs: blobs.map((blob) => expectedBlob(layout, blob)), faults: [], cure };
  }
  const detail = entry.problem ?? "its record is missing or damaged";
  return { entry, needs: [], faults: [{ kind: "broken", path, detail }], cure };
}

function blobsOf({ type }: SnapshotEntry, text: string): readonly BlobDescriptor[] | undefined {
  if (type === "compiled") return parseCompiledRecord(text);
  const record = type === "package" ? parsePackageRecord(text) : parseBuildRecord(text);
  return record && [record];
}
