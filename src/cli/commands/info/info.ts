import { join } from "node:path";
import { readTextIfAny } from "../../../base/files.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import { RECORD_FILE } from "../../../store/layout.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import { itemToJson } from "../../query/fields.ts";
import { type ContentInfo, type EntryInfo, inspectContent, inspectEntry } from "./item.ts";
import { itemOfEntry } from "../../query/items.ts";
import { lookUp } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { contentText, entryText } from "./text.ts";

/** `larder info`: what an entry, a manifest or a blob consists of, who shares it, and where it lies. */
export async function info(
  context: Context,
  name: string,
  options: { format: Format },
): Promise<void> {
  const now = Date.now();
  const snapshot = await takeSnapshot(context.layout, now);
  const found = lookUp(snapshot, name);
  const verbose = context.options.verbose ?? false;
  if (found.kind === "entry") {
    const about = inspectEntry(snapshot, found.entry);
    if (options.format === "json") writeJson(entryJson(about, now));
    else writeOut(entryText(about, verbose));
  } else {
    const about = inspectContent(snapshot, found.digest, found.contents);
    if (options.format === "json") writeJson(contentJson(about));
    else writeOut(contentText(about));
  }
}

function entryJson({ entry, app, files }: EntryInfo, now: number): object {
  return {
    ...itemToJson(itemOfEntry(entry), now),
    pin: entry.pin ?? null,
    record: readJson(join(entry.folder, RECORD_FILE)),
    ...app ?? { files },
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

/** What a file holds, broken or not: null for what is no JSON. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readTextIfAny(path) ?? "null");
  } catch {
    return null;
  }
}
