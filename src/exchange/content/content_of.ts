import { LarderError } from "../../base/errors.ts";
import { parseReference } from "../../oci/reference.ts";
import { isFromRegistry, type SnapshotEntry } from "../../snapshot/types.ts";
import type { Layout } from "../../store/layout.ts";
import type { EntryContent } from "./entry_content.ts";
import { recordContent } from "./record_content.ts";
import { referenceContent } from "./reference_content.ts";
import { spinContent } from "./spin_content.ts";

/**
 * Returns what a cache has for an entry.
 * @throws LarderError LDR_NOT_CACHED if something is missing; LDR_USAGE for compiled code; LDR_BAD_MANIFEST
 */
export async function contentOf(layout: Layout, entry: SnapshotEntry): Promise<EntryContent> {
  if (entry.type === "compiled") {
    throw new LarderError("LDR_USAGE", `${entry.name} is compiled code, which is not exported`, {
      hint: "export the app: the other larder compiles it again",
    });
  }
  if (!isFromRegistry(entry.type)) return recordContent(layout, entry);
  return entry.writtenBy === "spin"
    ? spinContent(layout, entry)
    : await referenceContent(layout, parseReference(entry.name));
}
