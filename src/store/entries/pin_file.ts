import { join } from "node:path";
import * as v from "valibot";
import { excerpt, LarderError, printable } from "../../base/errors.ts";
import { writeFileAtomic } from "../../base/files/atomic_write.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import { formatJson } from "../../base/json.ts";
import { matchesName } from "../entry_names.ts";
import { isNewerFormat, parseJson, TimeSchema } from "../json.ts";
import { PIN_FILE } from "../layout.ts";
import { BY_NEWER, type FileFault, isByNewer, readOwnFile, setAside } from "../own_file.ts";

/** 4 MiB limit on `pins.json`: more than 20,000 patterns. */
const MAX_PINS = 4 * 1024 * 1024;

/** Characters of a pattern; the longest name is that of a package, of four parts with up to 255 characters. */
const MAX_PATTERN = 1024;

/** A mark that keeps an entry from every automatic removal. */
export interface Pin {
  readonly note?: string | undefined;
  /** RFC 3339; may be absent from a file that another program wrote. */
  readonly pinnedAt?: string | undefined;
  /** The pattern that pins the entry; absent if the entry itself is pinned. */
  readonly pattern?: string | undefined;
}

/** A pin on every entry whose name matches, including future ones. */
export interface PinPattern extends Pin {
  readonly pattern: string;
}

const PinSchema = v.object({
  note: v.optional(v.string()),
  pinnedAt: v.optional(TimeSchema),
});

const PatternSchema = v.object({
  pattern: v.pipe(
    v.string(),
    v.rawCheck(({ dataset, addIssue }) => {
      const fault = dataset.typed ? patternFault(dataset.value) : undefined;
      if (fault) addIssue({ message: fault });
    }),
  ),
  ...PinSchema.entries,
});

const DocumentSchema = v.looseObject({ schemaVersion: v.literal(1), pins: v.array(v.unknown()) });

/** The patterns in `pins.json`. */
export interface PinPatterns {
  /** In the order in which they were pinned. */
  readonly patterns: readonly PinPattern[];
  readonly faults: readonly FileFault[];
  /** False if the file may pin more than {@link patterns}, so that any entry may be pinned. */
  readonly isComplete: boolean;
}

/** True if a text is that of a `pin.json`. */
export function isPinFile(text: string): boolean {
  return parseJson(PinSchema, text) !== undefined && !/^\s*\[/.test(text);
}

/** Returns the pin of the entry in a folder. An invalid file counts as a pin without a note. */
export function readPin(folder: string): Pin | undefined {
  const text = readTextIfAny(join(folder, PIN_FILE));
  return text === undefined ? undefined : parseJson(PinSchema, text) ?? {};
}

/** Returns the first pattern that matches the name of an entry. */
export function matchingPin(
  patterns: readonly PinPattern[],
  name: string,
): PinPattern | undefined {
  return patterns.find(({ pattern }) => matchesName(pattern, name));
}

/** Returns why a text cannot be pinned; undefined if it can. Holds for what is written and for what is read. */
export function patternFault(pattern: string): string | undefined {
  if (pattern.trim() === "") return "the pattern is empty";
  if (pattern !== pattern.trim()) return "the pattern begins or ends with a space";
  if (!pattern.isWellFormed() || printable(pattern) !== pattern) {
    return "the pattern has control characters";
  }
  if (pattern.length > MAX_PATTERN) {
    return `the pattern has ${pattern.length} characters; the limit is ${MAX_PATTERN}`;
  }
  return undefined;
}

/** @throws LarderError LDR_USAGE for a text that cannot be pinned */
export function rejectBadPattern(pattern: string): void {
  const fault = patternFault(pattern);
  if (fault === undefined) return;
  throw new LarderError("LDR_USAGE", `cannot pin "${excerpt(pattern)}": ${fault}`, {
    hint: "write a name or a glob, such as ghcr.io/owner/app:v1 or 'ghcr.io/owner/*'",
  });
}

/** Reads `pins.json`. Patterns that can be read count, whatever else is wrong with the file. */
export function readPinPatterns(path: string): PinPatterns {
  const { text, fault } = readOwnFile(path, MAX_PINS);
  if (fault) return { patterns: [], faults: [fault], isComplete: false };
  // A file without content was created for its lock, and not written yet.
  if (!text) return { patterns: [], faults: [], isComplete: true };
  const { pins, detail } = parseDocument(text);
  const patterns: PinPattern[] = [];
  const faults: FileFault[] = detail === undefined ? [] : [{ path, detail }];
  let isComplete = detail === undefined;
  for (const [i, raw] of pins.entries()) {
    const result = v.safeParse(PatternSchema, raw);
    const pattern = patternOf(raw);
    if (result.success) patterns.push(result.output);
    else if (pattern !== undefined) patterns.push({ pattern });
    else isComplete = false;
    if (!result.success) {
      faults.push({ path, detail: `entry ${i + 1}: ${issueText(result.issues[0])}` });
    }
  }
  return { patterns, faults, isComplete };
}

/**
 * Returns the text of `pins.json` after a change to its entries. Entries that cannot be read stay as they are.
 * @throws LarderError LDR_CONFIG if the file as a whole cannot be read: its pins would be lost
 */
export function changedPins(
  text: string,
  path: string,
  change: (pins: readonly unknown[]) => readonly unknown[],
): string {
  const { pins, rest, detail } = text === "" ? { pins: [] } : parseDocument(text);
  if (detail === undefined) {
    return formatJson({ ...rest, schemaVersion: 1, pins: change(pins) });
  }
  throw damagedPins({ path, detail });
}

export function damagedPins({ path, detail, error }: FileFault): LarderError {
  return error ?? new LarderError("LDR_CONFIG", `cannot change the pins in ${path}: ${detail}`, {
    hint: isByNewer(detail)
      ? "use the newer larder"
      : "larder verify --repair keeps the pins that can be read, and a copy of the file",
  });
}

/** Returns the pattern of an entry of `pins.json`, valid or not; undefined if it has none. */
export function patternOf(raw: unknown): string | undefined {
  const pattern = (raw as { pattern?: unknown } | null)?.pattern;
  return typeof pattern === "string" ? pattern : undefined;
}

/**
 * Rewrites a damaged `pins.json` with the valid entries, and keeps a copy of it. The caller holds the exclusive store
 * lock. Leaves a file that this user may not read, or that a newer larder wrote.
 */
export function repairPins(path: string): void {
  const { patterns, faults } = readPinPatterns(path);
  if (faults.length === 0 || faults.some(({ error, detail }) => error || isByNewer(detail))) return;
  const { text } = readOwnFile(path, MAX_PINS);
  setAside(path, text);
  const pins = patterns.filter(({ pattern }) => patternFault(pattern) === undefined);
  writeFileAtomic(path, formatJson({ schemaVersion: 1, pins }));
}

/** Returns the entries of the document that can be told apart, and what is wrong with the document as a whole. */
function parseDocument(text: string): { pins: readonly unknown[]; rest?: object; detail?: string } {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { pins: [], detail: "it is not JSON" };
  }
  const result = v.safeParse(DocumentSchema, document);
  if (result.success) return { pins: result.output.pins, rest: result.output };
  const { pins } = (document ?? {}) as { pins?: unknown };
  const entries = Array.isArray(pins) ? pins : [];
  if (isNewerFormat(text)) return { pins: entries, detail: BY_NEWER };
  return {
    pins: entries,
    detail: Array.isArray(pins) ? "its schemaVersion is not 1" : "it has no list of pins",
  };
}

function issueText(issue: v.BaseIssue<unknown>): string {
  const key = v.getDotPath(issue);
  if (key === null) return "it is not a pin";
  // The checks of a pattern have messages of their own.
  return issue.type === "raw_check" ? issue.message : `its ${key} is ${issue.received}`;
}
