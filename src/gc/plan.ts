import { sep } from "node:path";
import * as v from "valibot";
import { schemaFault } from "../base/documents/schema_fault.ts";
import { LarderError } from "../base/errors.ts";
import { formatJson } from "../base/json.ts";
import { DigestSchema } from "../oci/descriptor.ts";
import type { Content, FileStat } from "../snapshot/file_state.ts";
import { type CacheSnapshot, ENTRY_TYPES } from "../snapshot/types.ts";
import { TimeSchema } from "../store/json.ts";
import type { Layout } from "../store/layout.ts";
import { LIMIT_SCOPES } from "./policy.ts";
import type { Removal, Selection } from "./selection.ts";

const Bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** An mtime: milliseconds since the epoch, with a fraction if the file system has one. */
const Stamp = v.pipe(v.number(), v.finite());
/** Relative to the cache's folder, with `/` between its parts. */
const Path = v.string();
const Type = v.picklist(ENTRY_TYPES);
const Scope = v.picklist(LIMIT_SCOPES);

const PlannedEntrySchema = v.strictObject({
  type: Type,
  name: v.string(),
  path: Path,
  digest: v.optional(DigestSchema),
  /** Its last use; a sweep keeps an entry that was used since. */
  stamp: Stamp,
  /** True if it is, or may be, pinned and is to be removed all the same. */
  pinned: v.boolean(),
  rule: v.string(),
  why: v.string(),
  /** The scope of the limit; left out for a limit on the whole cache. */
  scope: v.optional(Scope),
  /** Bytes that its removal frees after the removals before it. */
  bytes: Bytes,
});

const PlannedFileSchema = v.strictObject({ path: Path, size: Bytes, mtime: Stamp });

/** Files of one kind that nothing needs, but that are kept for now. */
const KeptFilesSchema = v.strictObject({
  kind: v.picklist(["contents", "partials", "rubbish"]),
  rule: v.picklist(["young", "in use", "unknown"]),
  count: Bytes,
  bytes: Bytes,
  /** When the first and the last of them are old enough to be removed; null for files in use. */
  from: v.nullable(TimeSchema),
  until: v.nullable(TimeSchema),
});

const PlanSchema = v.strictObject({
  schemaVersion: v.literal(2),
  /** The cache's folder. */
  root: v.string(),
  madeAt: TimeSchema,
  /** Bytes that the plan frees. */
  bytes: Bytes,
  remove: v.strictObject({
    entries: v.array(PlannedEntrySchema),
    contents: v.array(PlannedFileSchema),
    partials: v.array(PlannedFileSchema),
    rubbish: v.array(PlannedFileSchema),
  }),
  keep: v.array(v.strictObject({
    type: Type,
    name: v.string(),
    rule: v.string(),
    why: v.string(),
    size: Bytes,
  })),
  /** The first plans of this version do not have it; a plan that is applied keeps nothing by it. */
  keptFiles: v.optional(v.array(KeptFilesSchema), []),
  shortfalls: v.array(v.strictObject({
    rule: v.string(),
    /** The scope of the limit; left out for a limit on the whole cache. */
    type: v.optional(Scope),
    limit: Bytes,
    missing: Bytes,
    kept: v.array(v.strictObject({ rule: v.string(), entries: Bytes, bytes: Bytes })),
  })),
});

/** A list of removals, exact enough to be applied later as far as the files are unchanged. */
export type Plan = v.InferOutput<typeof PlanSchema>;
export type PlannedEntry = v.InferOutput<typeof PlannedEntrySchema>;
export type PlannedFile = v.InferOutput<typeof PlannedFileSchema>;
export type PlannedKeptFiles = v.InferOutput<typeof KeptFilesSchema>;

/** A plan whose content is not stat'ed yet: enough to show, and {@link planFiles} completes it. */
export interface DraftPlan extends Omit<Plan, "remove"> {
  readonly remove: Omit<Plan["remove"], "contents"> & { readonly contents: readonly Content[] };
}

/** Downloads and rubbish that nothing needs and that are old enough to be removed. */
export interface Unreferenced {
  readonly partials: readonly FileStat[];
  readonly rubbish: readonly FileStat[];
  readonly bytes: number;
}

/** Expresses a selection as a plan. Stats no file, since most plans of a large cache are only shown. */
export function draftPlan(
  snapshot: CacheSnapshot,
  selection: Selection,
  unreferenced: Unreferenced,
  keptFiles: readonly PlannedKeptFiles[],
): DraftPlan {
  const { layout } = snapshot;
  const removals = selection.decisions.filter((decision) => decision.action === "remove");
  const own = removals.reduce((sum, { entry }) => sum + entry.ownSize, 0);
  const contents = selection.contents.map((id) => snapshot.contents[id]!);
  const partials = [...unreferenced.partials, ...selection.partials];
  return {
    schemaVersion: 2,
    root: layout.root,
    madeAt: new Date(snapshot.takenAt).toISOString(),
    bytes: own + totalSize(contents) + totalSize(selection.partials) + unreferenced.bytes,
    remove: {
      entries: removals.map((removal) => plannedEntry(snapshot, removal)),
      contents,
      partials: partials.map((file) => plannedFile(layout, file)),
      rubbish: unreferenced.rubbish.map((file) => plannedFile(layout, file)),
    },
    keep: selection.decisions.filter((decision) => decision.action === "keep").map((
      { entry: { type, name, size }, rule, why },
    ) => ({ type, name, rule, why, size })),
    keptFiles: [...keptFiles],
    shortfalls: selection.shortfalls.map(({ type, kept, ...rest }) => ({
      ...rest,
      ...(type && { type }),
      kept: [...kept],
    })),
  };
}

/** Completes a plan: stats the content to remove, so that a sweep notices what was written since. */
export function planFiles(layout: Layout, draft: DraftPlan): Plan {
  const contents = draft.remove.contents
    .map((content) => plannedFile(layout, { ...content.state(), path: content.path }))
    // Sorted so that plans can be compared: a folder lists its files in any order.
    .sort((a, b) => a.path < b.path ? -1 : 1);
  return { ...draft, remove: { ...draft.remove, contents } };
}

/** True if a plan deletes nothing at all. */
export function isEmptyPlan({ bytes, remove }: Plan | DraftPlan): boolean {
  // An empty file can still be one to delete.
  return bytes === 0 && Object.values(remove).every((list) => list.length === 0);
}

/**
 * Parses a plan that {@link formatPlan} wrote.
 * @param file its name, for messages
 * @throws LarderError LDR_USAGE if it is not a plan, or a plan for another cache
 */
export function parsePlan(text: string, file: string, layout: Layout): Plan {
  const plan = parse(text, file);
  if (plan.root === layout.root) return plan;
  throw new LarderError("LDR_USAGE", `the plan in ${file} is for the cache in ${plan.root}`, {
    hint: `this one is in ${layout.root}: name the other with --cache-dir, or make a new plan`,
  });
}

export function formatPlan(plan: Plan): string {
  return formatJson(plan);
}

function plannedEntry(
  { layout, pins }: CacheSnapshot,
  { entry, rule, why, scope, bytes }: Removal,
): PlannedEntry {
  return {
    type: entry.type,
    name: entry.name,
    path: relativePath(layout, entry.folder),
    ...(entry.digest && { digest: entry.digest }),
    stamp: entry.stamp,
    pinned: entry.pin !== undefined || !pins.isComplete,
    rule,
    why,
    ...(scope && { scope }),
    bytes,
  };
}

function plannedFile(layout: Layout, { path, size, mtime }: FileStat): PlannedFile {
  return { path: relativePath(layout, path), mtime, size };
}

/** Returns a path of the cache relative to its folder, in the same form on every system. */
function relativePath({ root }: Layout, path: string): string {
  // Cut off rather than computed by `relative`: there may be 100,000.
  return path.slice(root.length + 1).replaceAll(sep, "/");
}

function parse(text: string, file: string): Plan {
  const refused = (reason: string) =>
    new LarderError("LDR_USAGE", `${file} is not a plan for this larder: ${reason}`, {
      hint: "make a new one with larder gc --plan FILE",
    });
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw refused(text.trim() === "" ? "it is empty" : "it is not JSON");
  }
  const result = v.safeParse(PlanSchema, document, { abortEarly: true });
  if (result.success) return result.output;
  const version = document?.schemaVersion;
  if (version === 1) throw refused("an earlier larder made it, which called entries differently");
  if (version > 2) throw refused("a newer larder made it");
  if (version !== 2) throw refused("it is JSON of something else");
  throw refused(schemaFault(result.issues[0]));
}

function totalSize(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
