import { join, relative, sep } from "node:path";
import * as v from "valibot";
import { formatJson } from "../../base/json.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseJson, TimeSchema } from "../json.ts";
import type { Layout } from "../layout.ts";

/** The entries and content that one process uses. */
export interface LeaseContent {
  readonly pid: number;
  /** The command that runs, as shown to a user. */
  readonly command: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Absolute folders of entries, which are kept with everything that they refer to. */
  readonly folders: readonly string[];
  /** Blobs that are kept even if no entry refers to them because a tag has moved. */
  readonly digests: readonly Digest[];
  /** Why a file cannot be read, in words for a user: its process may then use anything. */
  readonly problem?: { readonly path: string; readonly text: string };
}

/** Folders of the cache that contain entries. */
const ENTRY_TREES = ["manifests", "packages", "builds", "images", "compiled"];

const LeaseSchema = v.object({
  schemaVersion: v.literal(1),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  command: v.string(),
  startedAt: TimeSchema,
  /** Relative to the root, separated by `/`. */
  folders: v.array(v.pipe(v.string(), v.check(isEntryFolder, "not the folder of an entry"))),
  digests: v.array(DigestSchema),
});

/** Parses a lease; returns undefined for anything else. */
export function parseLease(layout: Layout, text: string): LeaseContent | undefined {
  const lease = parseJson(LeaseSchema, text);
  if (!lease) return undefined;
  const { schemaVersion: _, folders, ...rest } = lease;
  return { ...rest, folders: folders.map((folder) => join(layout.root, ...folder.split("/"))) };
}

export function formatLease(
  layout: Layout,
  { folders, ...rest }: Omit<LeaseContent, "problem">,
): string {
  const relatives = folders.map((folder) => relativeFolder(layout, folder));
  return formatJson({ schemaVersion: 1, ...rest, folders: relatives });
}

function relativeFolder(layout: Layout, folder: string): string {
  const text = relative(layout.root, folder).split(sep).join("/");
  if (!isEntryFolder(text)) throw new Error(`${folder} is not the folder of an entry`);
  return text;
}

/** True if a relative path is the folder of an entry; nothing else in or outside the cache can be leased. */
function isEntryFolder(text: string): boolean {
  const [tree, ...rest] = text.split("/");
  return ENTRY_TREES.includes(tree!) && rest.length > 0 &&
    rest.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part));
}
