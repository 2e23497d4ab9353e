import { diskOf } from "../../../base/files/disk.ts";
import { hasCode, LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { hasBudget } from "../../../gc/policy.ts";
import type { Digest } from "../../../oci/digest.ts";
import type { SnapshotEntry } from "../../../snapshot/types.ts";
import { keyOfBuild, sharedForms, spellings } from "../../../store/entry_names.ts";
import { historyOf } from "../../../store/journal/history.ts";
import type { JournalEvent } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import { lookUp, type LookupResult } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { readEntryName } from "../../reference_argument.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { policyOf } from "../gc/policy.ts";
import { readJournal, readLeases } from "../../read_activity.ts";
import { readCacheFor } from "../../read_named.ts";
import { absentWhyJson, contentWhyJson, entryWhyJson } from "./json.ts";
import { Reasons } from "./reasons.ts";
import { absentWhy, contentWhy, entryWhy } from "./text.ts";

/** Shortest part of a digest that names something that is no longer cached, in hexadecimal digits. */
const MIN_DIGITS = 12;

/**
 * `larder why`: explains what keeps an entry or blob, when gc would remove it, and why it was fetched; and of a spec,
 * why its result is not cached.
 */
export async function why(
  context: Context,
  name: string,
  options: { format: Format },
): Promise<void> {
  if (isSpec(name)) {
    const { whySpec } = await import("../build/why_spec.ts");
    return await whySpec(context, name, options);
  }
  const { layout } = context;
  const now = Date.now();
  const policy = policyOf(context.config);
  // No budget decides on a pinned entry.
  const isEnough = ({ pin }: SnapshotEntry) => pin !== undefined || !hasBudget(policy);
  const { snapshot, isWhole } = await readCacheFor(context, name, now, isEnough);
  const events = readJournal(context, "history");
  let found: LookupResult;
  try {
    found = lookUp(snapshot, name);
  } catch (error) {
    if (!hasCode(error, "LDR_NOT_CACHED")) throw error;
    return printAbsent(name, events, options, error);
  }
  const reasons = new Reasons(snapshot, policy, diskOf(layout.root), readLeases(context, now));
  if (found.kind === "entry") {
    const history = historyOf(events, (own) => own === found.entry.name);
    const ofEntry = reasons.ofEntry(found.entry);
    print(options, entryWhyJson(ofEntry, history), () => entryWhy(ofEntry, history, isWhole));
  } else {
    const history = historyOf(events, (_, digest) => digest === found.digest);
    const ofContent = reasons.ofContent(found.digest, found.contents);
    print(options, contentWhyJson(ofContent, history), () => contentWhy(ofContent, history));
  }
}

/** True for a file such as `./image.yaml`: no name of an entry ends so and is that of a file too. */
function isSpec(name: string): boolean {
  return hasSpecName(name) && statIfAny(name) !== undefined;
}

function hasSpecName(name: string): boolean {
  return /\.(?:ya?ml|json)$/.test(name) && !name.includes("://");
}

/** Prints the history of something that is not cached; fails with the error of the look-up if there is none. */
function printAbsent(
  name: string,
  events: readonly JournalEvent[],
  options: { format: Format },
  error: unknown,
): void {
  const history = [name, readEntryName(name)]
    .map((text) => historyOf(events, (own, digest) => isNamed(text, own, digest)))
    .find(({ length }) => length > 0);
  if (!history) throw hasSpecName(name) ? noSpec(name) : error;
  print(options, absentWhyJson(name, history), () => absentWhy(name, history));
}

function noSpec(name: string): LarderError {
  const message = `there is no file ${name}, and nothing in the cache has that name`;
  return new LarderError("LDR_NOT_FOUND", message, { hint: "check the path of the spec" });
}

function print({ format }: { format: Format }, document: object, text: () => string): void {
  if (format === "json") writeJson(document);
  else writeOut(text());
}

/** True if a text spells this name or digest, or begins the digest. */
function isNamed(text: string, name: string, digest: Digest | undefined): boolean {
  const isDigest = (each: Digest | undefined) =>
    each !== undefined && (each === text ||
      (text.length >= MIN_DIGITS && each.slice(each.indexOf(":") + 1).startsWith(text)));
  return spellings(name).includes(text) || sharedForms(name).includes(text) || isDigest(digest) ||
    isDigest(keyOfBuild(name));
}
