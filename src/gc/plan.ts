import type { FileStat } from "../snapshot/file_state.ts";
import { TimeSchema } from "../store/json.ts";
import { sep } from "node:path";
import * as v from "valibot";
import { LarderError } from "../base/errors.ts";
import { DigestSchema } from "../oci/descriptor.ts";
import type { Layout } from "../store/layout.ts";
import { type Facts, isOlder } from "./reference_counts.ts";
import { LIMIT_SCOPES } from "./policy.ts";
import type { Removal, Selection } from "./selection.ts";
import { type CacheSnapshot, ENTRY_TYPES } from "../snapshot/types.ts";

const Bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** As it stands on the disk: milliseconds since the epoch, with a fraction where the disk has one. */
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
  /** Its last use, by which it is told whether it has been used since. */
  stamp: Stamp,
  pinned: v.boolean(),
  rule: v.string(),
  why: v.string(),
  /** The scope of the limit; left out for a limit on the whole cache. */
  scope: v.optional(Scope),
  /** What its removal frees, after those before it. */
  bytes: Bytes,
});

const PlannedFileSchema = v.strictObject({ path: Path, size: Bytes, mtime: Stamp });

const PlanSchema = v.strictObject({
  schemaVersion: v.literal(1),
  /** The cache's folder. */
  root: v.string(),
  madeAt: TimeSchema,
  /** What goes, all together. */
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
  shortfalls: v.array(v.strictObject({
    rule: v.string(),
    /** The scope of the limit; left out for a limit on the whole cache. */
    type: v.optional(Scope),
    limit: Bytes,
    missing: Bytes,
    kept: v.array(v.strictObject({ rule: v.string(), entries: Bytes, bytes: Bytes })),
  })),
});

/** What is to be deleted, so exact that it can be carried out later, as far as it is then still true. */
export type Plan = v.InferOutput<typeof PlanSchema>;
export type PlannedEntry = v.InferOutput<typeof PlannedEntrySchema>;
export type PlannedFile = v.InferOutput<typeof PlannedFileSchema>;

/** The files that nothing needs and that are old enough to go. */
export interface Unreferenced {
  readonly partials: readonly FileStat[];
  readonly rubbish: readonly FileStat[];
  readonly bytes: number;
}

/** Chooses among the files that belong to nothing what goes in any case. */
export function unreferencedFiles(snapshot: CacheSnapshot, { now, ages }: Facts): Unreferenced {
  const partials = snapshot.partials.filter(({ mtime }) => isOlder(mtime, ages.partial, now));
  const rubbish = snapshot.rubbish.filter(({ mtime }) => isOlder(mtime, ages.orphan, now));
  return { partials, rubbish, bytes: sum([...partials, ...rubbish]) };
}

/**
 * Writes down what a selection means for the files of the cache.
 *
 * The contents are looked at when they are first asked for: who only wants to know what would go need not wait.
 */
export function makePlan(snapshot: CacheSnapshot, selection: Selection, loose: Unreferenced): Plan {
  const { layout } = snapshot;
  const removals = selection.decisions.filter((decision) => decision.action === "remove");
  const own = removals.reduce((total, { entry }) => total + entry.ownSize, 0);
  const contents = selection.contents.map((place) => snapshot.contents[place]!);
  const partials = [...loose.partials, ...selection.partials];
  let planned: PlannedFile[] | undefined;
  return {
    schemaVersion: 1,
    root: layout.root,
    madeAt: new Date(snapshot.takenAt).toISOString(),
    bytes: own + sum(contents) + sum(selection.partials) + loose.bytes,
    remove: {
      entries: removals.map((removal) => plannedEntry(layout, removal)),
      get contents() {
        // In the order of their names, so that plans can be compared: a survey has them in any.
        return planned ??= contents.map((content) => plannedFile(layout, content))
          .sort((a, b) => a.path < b.path ? -1 : 1);
      },
      partials: partials.map((file) => plannedFile(layout, file)),
      rubbish: loose.rubbish.map((file) => plannedFile(layout, file)),
    },
    keep: selection.decisions.filter((decision) => decision.action === "keep").map((
      { entry: { type, name, size }, rule, why },
    ) => ({ type, name, rule, why, size })),
    shortfalls: selection.shortfalls.map(({ type, kept, ...rest }) => ({
      ...rest,
      ...(type && { type }),
      kept: [...kept],
    })),
  };
}

function plannedEntry(layout: Layout, { entry, rule, why, scope, bytes }: Removal): PlannedEntry {
  return {
    type: entry.type,
    name: entry.name,
    path: relativePath(layout, entry.folder),
    ...(entry.digest && { digest: entry.digest }),
    stamp: entry.stamp,
    pinned: entry.pin !== undefined,
    rule,
    why,
    ...(scope && { scope }),
    bytes,
  };
}

function plannedFile(layout: Layout, file: FileStat): PlannedFile {
  // In this order: to know the time is to look at the file, which may have another size than was said.
  const { path, mtime } = file;
  return { path: relativePath(layout, path), mtime, size: file.size };
}

/** Whether a plan deletes nothing at all. */
export function isEmptyPlan({ bytes, remove }: Plan): boolean {
  // A file may be empty, and still be one to delete.
  return bytes === 0 && Object.values(remove).every((list) => list.length === 0);
}

/**
 * Reads a plan that {@link formatPlan} wrote.
 * @throws LarderError LDR_USAGE for anything else, and for a plan for another cache
 */
export function parsePlan(text: string, file: string, layout: Layout): Plan {
  const plan = readPlan(text, file);
  if (plan.root === layout.root) return plan;
  throw new LarderError("LDR_USAGE", `the plan ${file} is for the cache in ${plan.root}`, {
    hint: `this one is in ${layout.root}: name the other with --cache-dir, or make a new plan`,
  });
}

export function formatPlan(plan: Plan): string {
  return JSON.stringify(plan, null, 2) + "\n";
}

/** A path of the cache, relative to its folder, the same on every system. */
function relativePath({ root }: Layout, path: string): string {
  // Not made relative by its parts: there may be a hundred thousand.
  return path.slice(root.length + 1).replaceAll(sep, "/");
}

function readPlan(text: string, file: string): Plan {
  let reason = "it is not JSON";
  try {
    const result = v.safeParse(PlanSchema, JSON.parse(text), { abortEarly: true });
    if (result.success) return result.output;
    const issue = result.issues[0];
    reason = `${v.getDotPath(issue) ?? "document"}: ${issue.message}`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new LarderError("LDR_USAGE", `${file} is no plan: ${reason}`, {
    hint: "make one with larder gc --plan FILE",
  });
}

function sum(files: readonly { readonly size: number }[]): number {
  return files.reduce((total, { size }) => total + size, 0);
}
