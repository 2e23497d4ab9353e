import { join } from "node:path";
import { readTextIfAny } from "../../../base/files/files.ts";
import { RECORD_FILE } from "../../../store/layout.ts";
import type { Context } from "../../context.ts";
import { readCacheFor } from "../../read_named.ts";
import { lookUp } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { itemToJson } from "../../query/fields.ts";
import { itemOfEntry } from "../../query/items.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { type ContentInfo, type EntryInfo, inspectContent, inspectEntry } from "./item.ts";
import { contentText, entryText } from "./text.ts";

/** `larder info`: shows the parts, the sharers and the paths of an entry, a manifest or a blob. */
export async function info(
  context: Context,
  name: string,
  options: { format: Format },
): Promise<void> {
  const now = Date.now();
  const verbose = context.options.verbose ?? false;
  const { snapshot, isWhole } = await readCacheFor(
    context,
    name,
    now,
    () => options.format === "table" && !verbose,
  );
  const found = lookUp(snapshot, name);
  if (found.kind === "entry") {
    const inspected = inspectEntry(snapshot, found.entry);
    if (options.format === "json") writeJson(entryJson(inspected, now));
    else writeOut(entryText(inspected, { full: verbose, isWhole }));
    if (!isWhole) {
      context.info("other repositories were not read; larder info -v also tells what they share");
    }
  } else {
    const inspected = inspectContent(snapshot, found.digest, found.contents);
    if (options.format === "json") writeJson(contentJson(inspected));
    else writeOut(contentText(inspected));
  }
}

function entryJson({ entry, app, files, key }: EntryInfo, now: number): object {
  return {
    ...itemToJson(itemOfEntry(entry), now),
    pin: entry.pin ?? null,
    record: readJson(join(entry.folder, RECORD_FILE)),
    ...app ?? { files },
    ...key && { key },
  };
}

function contentJson({ files, ...rest }: ContentInfo): object {
  const written = files.map((file) => ({
    path: file.path,
    size: file.size,
    written: new Date(file.state().mtime).toISOString(),
  }));
  return { ...rest, files: written };
}

/** Reads a file without validating it; null if it is missing or not JSON. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readTextIfAny(path) ?? "null");
  } catch {
    return null;
  }
}
