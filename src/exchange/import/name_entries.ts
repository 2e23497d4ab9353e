import { LarderError } from "../../base/errors.ts";
import { plural } from "../../base/units.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, parseReference, type Reference } from "../../oci/reference.ts";
import { badBundle } from "../read/bundle_errors.ts";
import type { ImportPlan, PlannedRecord, PlannedReference } from "../import_plan.ts";

/** A reference to import, with the name of its entry. */
export interface NamedReference extends PlannedReference {
  readonly reference: Reference;
}

export interface NamedEntries {
  readonly references: readonly NamedReference[];
  readonly records: readonly PlannedRecord[];
}

/** Thrown if a name is missing. */
export class NamesMissing extends LarderError {
  /** The images to choose from, one line each. */
  readonly images: readonly string[];

  constructor(message: string, hint: string, images: readonly string[]) {
    super("LDR_USAGE", message, { hint });
    this.images = images;
  }
}

/**
 * Gives every image of a bundle the name of its entry: the one in the bundle, or that of `--as`.
 *
 * `--as NAME` renames the only image, or gives a repository to images of which the bundle has only the tags;
 * `--as NAME@DIGEST` selects one of several.
 *
 * @param path of the bundle, for messages
 * @throws NamesMissing; LarderError LDR_USAGE, LDR_BAD_REFERENCE, LDR_BAD_BUNDLE
 */
export function nameEntries(
  path: string,
  { entries }: ImportPlan,
  as: string | undefined,
): NamedEntries {
  const records = entries.filter((entry) => entry.type !== "reference");
  const references = entries.filter((entry) => entry.type === "reference");
  const isFile = references.length === 0 && records.length === 1 && records[0]!.label === as;
  if (isFile) return { references: [], records };
  const named = as === undefined
    ? references.map((entry) => ({ ...entry, reference: ownName(path, entry, references) }))
    : renamed(path, references, as);
  return { references: unique(path, named), records: as === undefined ? records : [] };
}

/** A label that is a reference: a tag alone does not name a repository. */
const REFERENCE = /[/:@]/;

/** The labels in the cache of Apptainer: the digest without its algorithm. */
const DIGITS = /^[0-9a-f]{64}$/;

function isTag(label: string | undefined): label is string {
  return label !== undefined && !REFERENCE.test(label) && !DIGITS.test(label);
}

function ownName(
  path: string,
  { label, selection }: PlannedReference,
  all: readonly PlannedReference[],
): Reference {
  if (label === undefined || !REFERENCE.test(label)) {
    const what = isTag(label)
      ? `has only the tag "${label}" for ${selection.top.digest}`
      : `has no name for ${selection.top.digest}`;
    throw new NamesMissing(
      `${path} ${what}`,
      namingHint(selection.top.digest, all),
      imageLines(all),
    );
  }
  return checked(path, parseReference(label), selection.top.digest);
}

function namingHint(digest: Digest, all: readonly PlannedReference[]): string {
  if (distinct(all).length === 1) return "name it: --as NAME";
  const one = `--as NAME@${digest} takes this one`;
  const areTagged = all.every(({ label }) => isTag(label));
  return areTagged ? `--as REPOSITORY takes all with their tags, ${one}` : one;
}

/** Refuses a name whose digest is not that of its content. */
function checked(path: string, reference: Reference, digest: Digest): Reference {
  if (reference.digest === undefined || reference.digest === digest) return reference;
  throw badBundle(path, `the content of ${formatReference(reference)} is ${digest}`);
}

function renamed(path: string, all: readonly PlannedReference[], as: string): NamedReference[] {
  const name = parseReference(as);
  const images = distinct(all);
  if (name.digest) {
    const chosen = images.find(({ selection: { top, chosen } }) =>
      [top.digest, chosen?.digest].includes(name.digest!)
    );
    if (!chosen) {
      const { digest } = name;
      throw new NamesMissing(
        `${path} has no image ${digest}`,
        "choose one of them",
        imageLines(all),
      );
    }
    const reference = name.tag === undefined
      ? { ...name, digest: chosen.selection.top.digest }
      : { ...name, digest: undefined };
    return [{ ...chosen, reference }];
  }
  const [only] = images;
  const isRepository = !/:[^/]*$/.test(as);
  if (only && isRepository && all.every(({ label }) => isTag(label))) {
    return all.map((entry) => ({ ...entry, reference: parseReference(`${as}:${entry.label}`) }));
  }
  if (only && images.length === 1) return [{ ...only, reference: name }];
  const what = only ? plural(images.length, "image") : "no image";
  const hint = only ? `choose one: --as ${as}@${only.selection.top.digest}` : "leave out --as";
  throw new NamesMissing(`${path} has ${what}, and --as names one`, hint, imageLines(all));
}

/** Returns the references with different content. */
function distinct(entries: readonly PlannedReference[]): PlannedReference[] {
  return [...new Map(entries.map((entry) => [entry.selection.top.digest, entry])).values()];
}

function imageLines(entries: readonly PlannedReference[]): string[] {
  return entries.map(({ label, selection }) =>
    `  ${selection.top.digest}  ${label ?? "(no name)"}`
  );
}

/** Returns each name once. */
function unique(path: string, entries: readonly NamedReference[]): NamedReference[] {
  const names = new Map<string, NamedReference>();
  for (const entry of entries) {
    const name = formatReference(entry.reference);
    const other = names.get(name);
    if (other && other.selection.top.digest !== entry.selection.top.digest) {
      throw badBundle(path, `it has the name ${name} twice, for different images`);
    }
    names.set(name, entry);
  }
  return [...names.values()];
}
