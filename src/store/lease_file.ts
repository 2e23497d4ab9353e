import { join, relative, sep } from "node:path";
import * as v from "valibot";
import { DigestSchema } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Layout } from "./layout.ts";
import { parseJson, TimeSchema } from "./record.ts";

/** What a lease says: who uses what. */
export interface LeaseContent {
  readonly pid: number;
  /** What runs, in words for a user. */
  readonly command: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Folders of entries, absolute: they stay, with all that they reach. */
  readonly folders: readonly string[];
  /** Blobs that stay, even if no entry reaches them any more because a tag has moved. */
  readonly digests: readonly Digest[];
}

/** The trees of the cache that have entries. */
const TREES = ["manifests", "packages", "images", "compiled"];

const LeaseSchema = v.object({
  schemaVersion: v.literal(1),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  command: v.string(),
  startedAt: TimeSchema,
  /** Relative to the root, with `/` between their parts. */
  folders: v.array(v.pipe(v.string(), v.check(isEntryFolder, "not a folder of an entry"))),
  digests: v.array(DigestSchema),
});

/** Reads a lease; undefined for anything that is not exactly one. */
export function parseLease(layout: Layout, text: string): LeaseContent | undefined {
  const lease = parseJson(LeaseSchema, text);
  if (!lease) return undefined;
  const { schemaVersion: _, folders, ...rest } = lease;
  return { ...rest, folders: folders.map((folder) => join(layout.root, ...folder.split("/"))) };
}

export function formatLease(layout: Layout, { folders, ...rest }: LeaseContent): string {
  const relatives = folders.map((folder) => relativeFolder(layout, folder));
  return JSON.stringify({ schemaVersion: 1, ...rest, folders: relatives }, null, 2) + "\n";
}

function relativeFolder(layout: Layout, folder: string): string {
  const text = relative(layout.root, folder).split(sep).join("/");
  if (!isEntryFolder(text)) throw new Error(`${folder} is not the folder of an entry`);
  return text;
}

/** A lease is no way to name anything else, inside the cache or out of it. */
function isEntryFolder(text: string): boolean {
  const [tree, ...rest] = text.split("/");
  return TREES.includes(tree!) && rest.length > 0 &&
    rest.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part));
}
