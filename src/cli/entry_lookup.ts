import { LarderError } from "../base/errors.ts";
import { isGlob } from "../base/glob.ts";
import { nearest } from "../base/nearest.ts";
import type { Digest } from "../oci/digest.ts";
import type { Content } from "../snapshot/file_state.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { keyOfBuild, matchesName, sharedForms, spellings } from "../store/entry_names.ts";
import { DetailedError } from "./errors.ts";
import { hidingPlace } from "./hiding_place.ts";
import { readEntryName } from "./reference_argument.ts";

/** The result of a look-up: an entry, or a manifest or blob that is not an entry. */
export type LookupResult =
  | { readonly kind: "entry"; readonly entry: SnapshotEntry }
  | { readonly kind: "content"; readonly digest: Digest; readonly contents: readonly Content[] };

/** Candidates in the error for an ambiguous name. */
const MAX_LISTED = 20;

/** Digits below which a text without an algorithm is a name, not the beginning of a digest, for commands that remove. */
const MIN_DIGITS = 4;

/** Digits from which a text that nothing has for its name is certainly meant as a digest. */
const CERTAIN_DIGITS = 12;

/**
 * Looks up a name, a digest, or a unique beginning of either. Names can be short (`nginx` for
 * `docker.io/library/nginx:latest`, `hello` for a package), and digests without their algorithm.
 *
 * @throws LarderError LDR_NOT_CACHED if nothing matches, LDR_PERMISSION if an unreadable folder may hide the entry;
 * LDR_USAGE, with the candidates, if several match
 */
export function lookUp(snapshot: CacheSnapshot, typed: string): LookupResult {
  const text = nameIn(snapshot.entries, typed, (name) => name.startsWith(typed));
  const named = entriesNamed(snapshot.entries, text);
  if (named.length === 1) return { kind: "entry", entry: named[0]! };
  const candidates = named.length > 0
    ? named.map(entryResult)
    : resultsWithDigest(snapshot, (digest) => digest === text) ?? resultsWithPrefix(snapshot, text);
  if (candidates.length === 1) return candidates[0]!;
  throw candidates.length === 0 ? noSuchEntry(snapshot, text) : ambiguous(text, candidates);
}

/**
 * Returns the entry with this name, or else those that a text spells, or else those with this
 * {@link sharedForms shared form}.
 */
function entriesNamed(entries: readonly SnapshotEntry[], text: string): SnapshotEntry[] {
  const exact = entries.find(({ name }) => name === text);
  if (exact) return [exact];
  const spelled = entries.filter(({ name }) => spellings(name).includes(text));
  if (spelled.length > 0) return spelled;
  return entries.filter((entry) => hasSharedForm(entry) && sharedForms(entry.name).includes(text));
}

function hasSharedForm({ type }: SnapshotEntry): boolean {
  return type === "package" || type === "build";
}

/** Returns the digests that name an entry: that of its content, and of a build also that of its specification. */
function digestsOf({ type, name, digest }: SnapshotEntry): Digest[] {
  const key = type === "build" ? keyOfBuild(name) : undefined;
  return [digest, key].filter((each) => each !== undefined);
}

/** Returns everything whose digest or name begins with a text, digests first. */
function resultsWithPrefix(snapshot: CacheSnapshot, text: string): LookupResult[] {
  const isHex = /^[0-9a-f]+$/.test(text);
  const begins = (name: string) =>
    name.startsWith(text) || (isHex && name.slice(name.indexOf(":") + 1).startsWith(text));
  const digests = resultsWithDigest(snapshot, begins) ?? [];
  const known = new Set(digests.map((result) => result.kind === "entry" && result.entry));
  const entries = snapshot.entries.filter((entry) =>
    !known.has(entry) &&
    (spellings(entry.name).some((name) => name.startsWith(text)) ||
      (entry.type === "compiled" && begins(entry.name)))
  );
  // The name of compiled code begins with the digest of its component. The entry is what listings show; the component
  // itself has to be named by its whole digest.
  const compiled = entries.filter(({ type }) => type === "compiled");
  const component = compiled.length === 1 ? compiled[0]!.digest : undefined;
  const others = digests.filter((result) => result.kind === "entry" || result.digest !== component);
  return [...others, ...entries.map(entryResult)];
}

/**
 * Returns the entry of each matching digest if exactly one entry has it, and otherwise the content; undefined if no
 * digest matches.
 */
function resultsWithDigest(
  snapshot: CacheSnapshot,
  matches: (digest: Digest) => boolean,
): LookupResult[] | undefined {
  const entries = new Map<Digest, SnapshotEntry[]>();
  for (const entry of snapshot.entries) {
    const digest = entry.type === "compiled" ? undefined : digestsOf(entry).find(matches);
    if (digest) entries.set(digest, [...entries.get(digest) ?? [], entry]);
  }
  const contents = Map.groupBy(
    snapshot.contents.filter(({ digest }) => matches(digest)),
    ({ digest }) => digest,
  );
  const digests = new Set([...entries.keys(), ...contents.keys()]);
  if (digests.size === 0) return undefined;
  return [...digests].flatMap((digest): LookupResult[] => {
    const own = entries.get(digest) ?? [];
    const content = contents.get(digest);
    return own.length === 1 || !content
      ? own.map(entryResult)
      : [{ kind: "content", digest, contents: content }];
  });
}

function entryResult(entry: SnapshotEntry): LookupResult {
  return { kind: "entry", entry };
}

function ambiguous(
  text: string,
  candidates: readonly LookupResult[],
  hint = "write more of the name or digest",
): LarderError {
  const lines = candidates.map((result) =>
    result.kind === "entry"
      ? `  ${result.entry.type.padEnd(8)}  ${result.entry.name}`
      : `  ${
        (result.contents[0]!.tree === "manifests" ? "manifest" : "blob").padEnd(8)
      }  ${result.digest}`
  ).sort();
  const more = lines.length - MAX_LISTED;
  return new DetailedError(
    "LDR_USAGE",
    `"${text}" is ambiguous: ${lines.length} matches in the cache`,
    {
      hint,
      details: more > 0 ? [...lines.slice(0, MAX_LISTED), `  and ${more} more`] : lines,
    },
  );
}

/**
 * Returns the entries that match a name, a glob, or a digest or the unique beginning of one, for commands that change
 * or remove them. Unlike in a look-up, the beginning of a name does not match, because a typing error could then remove
 * another entry.
 *
 * @throws LarderError LDR_USAGE, with the entries, if several digests have this beginning
 */
export function selectForRemoval(
  entries: readonly SnapshotEntry[],
  typed: string,
): SnapshotEntry[] {
  const text = nameIn(entries, typed);
  if (isGlob(text)) return entries.filter(({ name }) => matchesName(text, name));
  const sharing = entriesNamed(entries, text);
  if (sharing.length > 1) {
    const glob = [`${text}@*`, `${text.replace(/[:=].*/, "")}/*`, `*/${text}`]
      .find((glob) => sharing.every(({ name }) => matchesName(glob, name)));
    const hint = glob && `write more of the name, or '${glob}' for all of them`;
    throw ambiguous(text, sharing.map(entryResult), hint);
  }
  if (sharing.length === 1) return sharing;
  const { algorithm, digits } = digestIn(text) ?? { digits: "" };
  if (digits.length < (algorithm ? 1 : MIN_DIGITS)) return [];
  const begins = (digest: Digest) =>
    digest.startsWith(text) || digest.slice(digest.indexOf(":") + 1).startsWith(text);
  const found = entries.filter((entry) => digestsOf(entry).some(begins));
  if (new Set(found.map((entry) => digestsOf(entry).find(begins))).size <= 1) return found;
  throw ambiguous(text, found.map(entryResult));
}

/** Returns the parts of a text that is a digest or the beginning of one. */
function digestIn(text: string): { algorithm: string | undefined; digits: string } | undefined {
  const match = /^(sha256|sha512):([0-9a-f]{1,128})$|^([0-9a-f]{1,128})$/.exec(text);
  return match ? { algorithm: match[1], digits: match[2] ?? match[3]! } : undefined;
}

/** True if a text that no entry has for its name is meant as a digest. */
export function isDigestText(text: string): boolean {
  const parts = digestIn(text);
  return parts !== undefined &&
    (parts.algorithm !== undefined || parts.digits.length >= CERTAIN_DIGITS);
}

/**
 * Returns a name without `docker://` or `oci://`, and without the server that it was pushed to, unless an entry has it
 * so: the name of a package can begin with the URL of its repository.
 * @param matches what else than {@link matchesName} makes a spelling of an entry match
 * @throws LarderError LDR_BAD_REFERENCE if nothing follows the transport
 */
export function nameIn(
  entries: readonly SnapshotEntry[],
  typed: string,
  matches: (spelling: string) => boolean = () => false,
): string {
  const name = readEntryName(typed);
  if (name === typed) return name;
  const isLiteral = entries.some((entry) =>
    matchesName(typed, entry.name) || spellings(entry.name).some(matches)
  );
  return isLiteral ? typed : name;
}

/**
 * Returns the error for a text that {@link selectForRemoval} finds no entry for. The hint names the entries that need
 * the manifest or blob with this digest, if there is one.
 */
export function noEntryFor(snapshot: CacheSnapshot, text: string): LarderError {
  if (!isDigestText(text)) return noSuchEntry(snapshot, text);
  const digits = text.slice(text.indexOf(":") + 1);
  const ids = new Set(
    snapshot.contents.keys().filter((id) => {
      const { digest } = snapshot.contents[id]!;
      return digest.startsWith(text) || digest.slice(digest.indexOf(":") + 1).startsWith(digits);
    }),
  );
  const [first, ...others] = snapshot.entries.filter(({ references }) =>
    references.some((id) => ids.has(id))
  );
  const more = others.length > 0 ? ` and ${others.length} more` : "";
  return new LarderError("LDR_NOT_CACHED", `no entry in the cache has the digest ${text}`, {
    hint: first
      ? `it is a manifest or blob of ${first.name}${more}: write the name of an entry`
      : "write a name: ghcr.io/owner/app:v1, or ghcr.io/owner/app@sha256:… for a digest",
  });
}

/**
 * Returns the error for a name that matches no entry: with the nearest name as its hint, or that of a folder that this
 * user may not read and that may hold the entry.
 */
function noSuchEntry(snapshot: CacheSnapshot, text: string): LarderError {
  const hidden = hidingPlace(snapshot, text);
  if (hidden) {
    const { code, message, hint } = hidden.error;
    return new LarderError(code, `cannot tell whether ${text} is in the cache: ${message}`, {
      hint,
    });
  }
  const near = nearest(text, snapshot.entries.flatMap(({ name }) => spellings(name))) ??
    withBeginning(text, snapshot.entries);
  return new LarderError("LDR_NOT_CACHED", `nothing in the cache matches "${text}"`, {
    hint: near ? `did you mean ${near}?` : "larder list -v lists the entries",
  });
}

/** Letters from which on a part of a name tells entries apart. */
const MIN_PART = 3;

/** Returns a name or glob with the beginning that it lacks, such as the registry; undefined if no entry has it. */
function withBeginning(text: string, entries: readonly SnapshotEntry[]): string | undefined {
  const part = text.replace(/[*?[].*$/, "");
  if (part.length < MIN_PART) return undefined;
  const [whole] = entries.map(({ name }) => name).filter((name) => name.includes(`/${part}`))
    .sort((a, b) => a.length - b.length);
  return whole !== undefined && part !== text ? `'*/${text}'` : whole;
}

/**
 * Returns the entries that match names, their beginnings, digests or globs, in the order of the snapshot. For commands
 * that remove nothing; others use {@link selectForRemoval}.
 *
 * @throws LarderError LDR_NOT_CACHED or LDR_PERMISSION as {@link lookUp}; LDR_USAGE if a name is ambiguous, or not that
 * of an entry
 */
export function selectEntries(snapshot: CacheSnapshot, texts: readonly string[]): SnapshotEntry[] {
  const selected = new Set(texts.flatMap((text) => entriesOf(snapshot, text)));
  return snapshot.entries.filter((entry) => selected.has(entry));
}

function entriesOf(snapshot: CacheSnapshot, typed: string): readonly SnapshotEntry[] {
  const text = nameIn(snapshot.entries, typed, (name) => name.startsWith(typed));
  if (isGlob(text)) {
    const named = snapshot.entries.filter(({ name }) => matchesName(text, name));
    if (named.length > 0) return named;
    throw noSuchEntry(snapshot, text);
  }
  const result = lookUp(snapshot, text);
  if (result.kind === "entry") return [result.entry];
  throw new LarderError("LDR_USAGE", `${result.digest} is a manifest or blob, not an entry`, {
    hint: `larder info ${text} lists the entries that need it`,
  });
}
