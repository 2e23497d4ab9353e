import type { Content } from "../snapshot/file_state.ts";
import { LarderError } from "../base/errors.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import type { Digest } from "../oci/digest.ts";
import { matchesName, spellings } from "../store/entry_names.ts";
import { DetailedError } from "./errors.ts";
import { isGlob } from "../base/glob.ts";
import { nearest } from "../base/nearest.ts";

/** What a user's name or digest stands for in a cache: an entry, or a manifest or blob. */
export type Found =
  | { readonly kind: "entry"; readonly entry: SnapshotEntry }
  | { readonly kind: "content"; readonly digest: Digest; readonly contents: readonly Content[] };

/** The most candidates that are listed. */
const MAX_LISTED = 20;

/**
 * Finds what is meant by a name, a digest, or the beginning of either that only one has. Names can be written short:
 * `nginx` for `docker.io/library/nginx:latest`; digests without their algorithm.
 *
 * @throws LarderError LDR_NOT_CACHED; LDR_USAGE, with the candidates, where several are meant
 */
export function lookUp(snapshot: CacheSnapshot, text: string): Found {
  const named = snapshot.entries.filter(({ name }) => spellings(name).includes(text));
  if (named.length === 1) return { kind: "entry", entry: named[0]! };
  const candidates = named.length > 0
    ? named.map(entryFound)
    : withDigest(snapshot, (digest) => digest === text) ?? beginningWith(snapshot, text);
  if (candidates.length === 1) return candidates[0]!;
  throw candidates.length === 0 ? noSuchEntry(snapshot.entries, text) : ambiguous(text, candidates);
}

/** What all begins so: digests, then entries by their names. */
function beginningWith(snapshot: CacheSnapshot, text: string): Found[] {
  const isHex = /^[0-9a-f]+$/.test(text);
  const begins = (name: string) =>
    name.startsWith(text) || (isHex && name.slice(name.indexOf(":") + 1).startsWith(text));
  const digests = withDigest(snapshot, begins) ?? [];
  const known = new Set(digests.map((found) => found.kind === "entry" && found.entry));
  const entries = snapshot.entries.filter((entry) => {
    if (known.has(entry)) return false;
    const isNamed = spellings(entry.name).some((name) => name.startsWith(text));
    if (entry.type !== "compiled") return isNamed;
    // Its name begins with the digest of the component, which is more likely meant if it is there.
    return (isNamed || begins(entry.name)) && (digests.length === 0 || text.includes("/"));
  });
  return [...digests, ...entries.map(entryFound)];
}

/** What has such a digest: the entry, if it is one entry's own; else the content. Undefined if nothing has. */
function withDigest(
  snapshot: CacheSnapshot,
  fits: (digest: Digest) => boolean,
): Found[] | undefined {
  const entries = new Map<Digest, SnapshotEntry[]>();
  for (const entry of snapshot.entries) {
    const { digest, type } = entry;
    if (!digest || type === "compiled" || !fits(digest)) continue;
    entries.set(digest, [...entries.get(digest) ?? [], entry]);
  }
  const contents = Map.groupBy(
    snapshot.contents.filter(({ digest }) => fits(digest)),
    ({ digest }) => digest,
  );
  const digests = new Set([...entries.keys(), ...contents.keys()]);
  if (digests.size === 0) return undefined;
  return [...digests].flatMap((digest): Found[] => {
    const own = entries.get(digest) ?? [];
    const content = contents.get(digest);
    return own.length === 1 || !content
      ? own.map(entryFound)
      : [{ kind: "content", digest, contents: content }];
  });
}

function entryFound(entry: SnapshotEntry): Found {
  return { kind: "entry", entry };
}

function ambiguous(text: string, candidates: readonly Found[]): LarderError {
  const lines = candidates.map((found) =>
    found.kind === "entry"
      ? `  ${found.entry.type.padEnd(8)}  ${found.entry.name}`
      : `  ${
        (found.contents[0]!.tree === "manifests" ? "manifest" : "blob").padEnd(8)
      }  ${found.digest}`
  ).sort();
  const more = lines.length - MAX_LISTED;
  return new DetailedError("LDR_USAGE", `"${text}" can be ${lines.length} things in the cache`, {
    hint: "write more of the name or digest",
    details: more > 0 ? [...lines.slice(0, MAX_LISTED), `  and ${more} more`] : lines,
  });
}

/** The fewest digits that name an entry by the beginning of its digest. */
const MIN_DIGITS = 12;

/**
 * The entries that a name, a glob or a digest stands for, to be changed or removed: unlike in a look-up, the beginning
 * of a name is none, since a slip would meet another entry.
 */
export function selectForRemoval(entries: readonly SnapshotEntry[], text: string): SnapshotEntry[] {
  const named = entries.filter(({ name }) => matchesName(text, name));
  if (named.length > 0 || isGlob(text)) return named;
  const digits = /^(?:sha(?:256|512):)?([0-9a-f]+)$/.exec(text)?.[1] ?? "";
  if (digits.length < MIN_DIGITS) return [];
  return entries.filter(({ digest = "" }) =>
    digest.startsWith(text) || digest.slice(digest.indexOf(":") + 1).startsWith(text)
  );
}

/** The error for a name that stands for nothing. */
export function noSuchEntry(entries: readonly SnapshotEntry[], text: string): LarderError {
  const meant = nearest(text, entries.flatMap(({ name }) => spellings(name)));
  return new LarderError("LDR_NOT_CACHED", `nothing in the cache is called "${text}"`, {
    hint: meant ? `did you mean ${meant}?` : "larder list -v lists what there is",
  });
}

/**
 * The entries that are meant by names, their beginnings, digests and globs, in the order of the survey. For commands
 * that take nothing away: see `choosing.ts` for those that do.
 *
 * @throws LarderError LDR_NOT_CACHED; LDR_USAGE for what can be several things, or is no entry
 */
export function selectEntries(snapshot: CacheSnapshot, texts: readonly string[]): SnapshotEntry[] {
  const meant = new Set(texts.flatMap((text) => entriesOf(snapshot, text)));
  return snapshot.entries.filter((entry) => meant.has(entry));
}

function entriesOf(snapshot: CacheSnapshot, text: string): readonly SnapshotEntry[] {
  if (isGlob(text)) {
    const named = snapshot.entries.filter(({ name }) => matchesName(text, name));
    if (named.length > 0) return named;
    throw noSuchEntry(snapshot.entries, text);
  }
  const found = lookUp(snapshot, text);
  if (found.kind === "entry") return [found.entry];
  throw new LarderError("LDR_USAGE", `${found.digest} is no entry, but what entries consist of`, {
    hint: `larder info ${text} says which entries need it`,
  });
}
