import { formatBytes } from "../../base/units.ts";
import { shortDigest } from "../../oci/digest.ts";
import { listEntries } from "../../store/entries.ts";
import { writeOut } from "../console.ts";
import type { Context } from "../context.ts";
import type { Format } from "../options.ts";
import { localTime, table } from "../output/table.ts";

/** `larder list`: one line an entry. */
export function list(context: Context, options: { format: Format }): void {
  const entries = listEntries(context.layout);
  if (options.format === "json") {
    const rows = entries.map((entry) => ({
      reference: entry.reference,
      digest: entry.digest,
      size: entry.size,
      lastUsed: new Date(entry.lastUsed).toISOString(),
      pinned: entry.pinned,
      writtenBy: entry.record ? "larder" : "spin",
    }));
    writeOut(JSON.stringify(rows, null, 2) + "\n");
    return;
  }
  if (entries.length === 0) {
    context.info(`the cache ${context.layout.root} is empty`);
    return;
  }
  writeOut(table(
    ["REFERENCE", "DIGEST", "SIZE", "LAST USED", "PINNED"],
    entries.map((entry) => [
      entry.reference,
      shortDigest(entry.digest),
      formatBytes(entry.size),
      localTime(entry.lastUsed),
      entry.pinned ? "yes" : "no",
    ]),
  ));
}
