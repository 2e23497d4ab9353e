import { readBytesIfAny } from "../../../base/files/files.ts";
import { type KeyDocument, parseKeyDocument } from "../../../builds/key/key.ts";
import { type Digest, shortDigest } from "../../../oci/digest.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import { keyOfBuild } from "../../../store/entry_names.ts";
import { table } from "../../terminal/text_layout.ts";
import { pathOf } from "./manifest.ts";

/** 64 MiB limit on a key document that is read: more than 300,000 inputs. */
const MAX_KEY = 64 * 1024 * 1024;

/** Rows of the table without `--verbose`. */
const MAX_ROWS = 20;

/** Returns what decided the result of a build; null if the document is missing, or the entry is no build. */
export function keyDocumentOf(snapshot: CacheSnapshot, entry: SnapshotEntry): KeyDocument | null {
  const key = entry.type === "build" ? keyOfBuild(entry.name) : undefined;
  const path = key && pathOf(snapshot, key);
  const bytes = path ? readBytesIfAny(path, MAX_KEY) : undefined;
  return bytes ? parseKeyDocument(new TextDecoder().decode(bytes)) ?? null : null;
}

/** Formats the inputs, packages, references and variables of a build. */
export function inputsText({ inputs, packages, refs, env }: KeyDocument, full: boolean): string {
  const text = (digest: Digest) => full ? digest : shortDigest(digest);
  const rows = [
    ...refs.map(({ name, digest }) => ["reference", name, text(digest)]),
    ...packages.map(({ file, digest }) => ["package", file, text(digest)]),
    ...Object.entries(env).map(([name, value]) => ["variable", name, value]),
    ...inputs.map((input) => [
      input.type,
      input.path,
      input.type === "file" ? text(input.digest) : input.type === "link" ? input.target : "-",
    ]),
  ];
  if (rows.length === 0) return "";
  const shown = full ? rows : rows.slice(0, MAX_ROWS);
  const more = rows.length - shown.length;
  return table(["INPUT", "NAME", "CONTENT"], shown, { shrink: 1 }) +
    (more > 0 ? `and ${more} more; larder info -v lists them\n` : "");
}
