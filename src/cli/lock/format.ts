import * as v from "valibot";
import { type Document, isMap, stringify } from "yaml";
import { compareText } from "../../base/compare_text.ts";
import { parseYaml } from "../../base/documents/yaml_document.ts";
import { LarderError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";

const COMMENT =
  "# Written by larder lock. Commit it: pull, run, fetch and build use exactly this with --frozen.\n";

const Text = v.pipe(v.string(), v.nonEmpty());

const PackageSchema = v.strictObject({
  name: Text,
  version: Text,
  arch: Text,
  source: Text,
  /** A path relative to the lock file for a package of a local mirror. */
  url: Text,
  /** The name of the file, unless it is the last part of the URL. */
  file: v.optional(Text),
  digest: DigestSchema,
  /** Bytes, if a list states them. */
  size: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  /** The list that names the package, a path relative to the lock file or a URL; absent for a URL alone. */
  from: v.optional(Text),
});

const ListSchema = v.strictObject({
  /** Digest of what a local YAML or JSON list says. */
  digest: v.optional(DigestSchema),
  /** Names of packages that are wanted; none for all that the list itself names. */
  names: v.optional(v.array(Text)),
  /** File with the keys that may sign the list, a path relative to the lock file. */
  keyring: v.optional(Text),
  /** Architecture of the packages, if it is not that of the machine. */
  arch: v.optional(Text),
});

/** Returns a schema of a mapping with any keys; `v.record` leaves out some, such as `constructor`. */
function mapOf<T extends v.GenericSchema>(schema: T) {
  return v.nullish(v.pipe(
    v.custom<Record<string, unknown>>(isObject, "not a mapping"),
    v.rawTransform<Record<string, unknown>, Map<string, v.InferOutput<T>>>(
      ({ dataset, addIssue, NEVER }) => {
        const map = new Map<string, v.InferOutput<T>>();
        for (const [key, value] of Object.entries(dataset.value)) {
          const result = v.safeParse(schema, value);
          if (!result.success) {
            addIssue({ message: `${key}: ${result.issues[0].message}` });
            return NEVER;
          }
          map.set(key, result.output);
        }
        return map;
      },
    ),
  ));
}

const LockSchema = v.strictObject({
  schemaVersion: v.literal(1),
  /** References in full, with a tag. */
  references: mapOf(DigestSchema),
  /** Lists of packages, by path relative to the lock file or by URL. */
  lists: mapOf(ListSchema),
  packages: v.nullish(v.array(PackageSchema)),
  /** Specifications by path, relative to the lock file, each with the digest of its RFC 8785 form. */
  specs: mapOf(DigestSchema),
});

export type LockedList = v.InferOutput<typeof ListSchema>;
export type LockedPackage = v.InferOutput<typeof PackageSchema>;

/** The content of `larder.lock`. */
export interface Lock {
  readonly references: ReadonlyMap<string, Digest>;
  readonly lists: ReadonlyMap<string, LockedList>;
  readonly packages: readonly LockedPackage[];
  readonly specs: ReadonlyMap<string, Digest>;
}

export const EMPTY_LOCK: Lock = {
  references: new Map(),
  lists: new Map(),
  packages: [],
  specs: new Map(),
};

/**
 * Parses a lock file.
 * @throws LarderError LDR_BAD_LOCK with the line, if the parser knows it
 */
export function parseLock(text: string): Lock {
  rejectConflicts(text);
  const { document, placeOf, broken } = parseYaml(text, "schemaVersion: 1");
  if (broken) {
    const { line, col } = placeOf(broken.offset);
    throw badLock(`${broken.reason} (line ${line}, column ${col})`);
  }
  if (!isMap(document.contents)) throw badLock("it is not a lock file");
  const content = plainContent(document);
  rejectNewer(content);
  const result = v.safeParse(LockSchema, content);
  if (!result.success) throw schemaError(result.issues[0]);
  const { references, lists, packages, specs } = result.output;
  rejectRepeated(packages ?? []);
  return {
    references: referencesOf(references ?? new Map()),
    lists: lists ?? new Map(),
    packages: packages ?? [],
    specs: specs ?? new Map(),
  };
}

/** Returns the content without aliases, which larder never writes and which could expand without end. */
function plainContent(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw badLock("it has an alias, which a lock file never has");
  }
}

function rejectConflicts(text: string): void {
  const line = text.split("\n").findIndex((each) => /^(?:<{7}|\|{7}|={7}|>{7})(?:\s|$)/.test(each));
  if (line < 0) return;
  throw badLock(
    `it has a merge conflict (line ${line + 1})`,
    "keep the lines of one side, or of both, without the markers; then larder lock",
  );
}

function rejectNewer(content: unknown): void {
  const version = (content as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof version !== "number" || version <= 1) return;
  throw badLock(`a newer larder wrote it (schemaVersion ${version})`, "use the newer larder");
}

function schemaError(issue: v.InferIssue<typeof LockSchema>): LarderError {
  const path = (issue.path ?? []).map(({ key }) => String(key)).join(" › ");
  const isUnknown = issue.type === "strict_object" && issue.expected === "never";
  const isMissing = issue.type === "strict_object" && issue.received === "undefined";
  const problem = isUnknown ? "unknown key" : isMissing ? "missing" : issue.message;
  return badLock(`${path}: ${problem}`);
}

/** Returns the references in full. @throws LarderError LDR_BAD_LOCK if one is malformed, or there twice */
function referencesOf(written: ReadonlyMap<string, Digest>): Map<string, Digest> {
  const references = new Map<string, Digest>();
  for (const [text, digest] of written) {
    const name = nameOf(text);
    if (references.has(name)) throw badLock(`${name} occurs twice in references`);
    references.set(name, digest);
  }
  return references;
}

function nameOf(text: string): string {
  try {
    return formatReference({ ...parseReference(text), digest: undefined });
  } catch (error) {
    throw error instanceof LarderError ? badLock(error.message) : error;
  }
}

function rejectRepeated(packages: readonly LockedPackage[]): void {
  const seen = new Set<string>();
  for (const each of packages) {
    const key = packageKey(each);
    if (seen.has(key)) throw badLock(`the package ${each.name} ${each.version} occurs twice`);
    seen.add(key);
  }
}

/** Two packages with one key cannot be in a lock file. One package can be at several URLs. */
export function packageKey({ from, source, name, version, arch, url }: LockedPackage): string {
  return JSON.stringify([from ?? "", name, arch, version, source, url]);
}

/** @param problem what is wrong with the file, in words for a user */
export function badLock(
  problem: string,
  hint = "mend it by hand, or delete it and lock again",
): LarderError {
  return new LarderError("LDR_BAD_LOCK", `bad larder.lock: ${problem}`, { hint });
}

/** Formats a lock file: sorted, and a line for each value, so that changes of other lines merge. */
export function formatLock({ references, lists, packages, specs }: Lock): string {
  const document = {
    schemaVersion: 1,
    ...references.size > 0 && { references: sortedObject(references) },
    ...lists.size > 0 && { lists: sortedObject(listsInOrder(lists)) },
    ...packages.length > 0 && {
      packages: packages.toSorted(comparePackages).map((each) => inOrder(each, PackageSchema)),
    },
    ...specs.size > 0 && { specs: sortedObject(specs) },
  };
  return COMMENT + stringify(document, { lineWidth: 0 });
}

function sortedObject<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([a], [b]) => compareText(a, b)));
}

function comparePackages(a: LockedPackage, b: LockedPackage): number {
  return compareText(packageKey(a), packageKey(b));
}

function listsInOrder(lists: ReadonlyMap<string, LockedList>): Map<string, LockedList> {
  return new Map([...lists].map(([from, list]) => [from, inOrder(list, ListSchema)]));
}

/** Returns a value with its keys in the order of the file. */
function inOrder<T extends object>(value: T, schema: { readonly entries: object }): T {
  const keys = Object.keys(schema.entries) as (keyof T)[];
  const members = keys.map((key) => [key, value[key]]).filter(([, each]) => each !== undefined);
  return Object.fromEntries(members);
}
