import { LarderError } from "../../../base/errors.ts";
import { definedMembers } from "../../../base/json.ts";
import { listOf, requestFor } from "../../../builds/inputs/packages.ts";
import type { BuildSpec } from "../../../builds/spec.ts";
import { readSpecFile } from "../../../builds/spec_file.ts";
import type { Digest } from "../../../oci/digest.ts";
import { parseReference, type Reference } from "../../../oci/reference.ts";
import type { PackageRequest } from "../../../packages/package_request.ts";
import { requestForUrl } from "../../../packages/url_request.ts";
import { optionWithoutList } from "../../errors.ts";
import { LOCK_FILE, rejectCredential } from "../../lock/file.ts";
import type { Lock, LockedList } from "../../lock/format.ts";
import { unfrozenRequestOf } from "../../lock/frozen.ts";
import { pathInLock } from "../../lock/paths.ts";
import { digestOfSpec } from "../../lock/spec_digest.ts";
import { readReference } from "../../reference_argument.ts";

/** The options of `larder lock` that say what is locked. */
export interface WantedOptions {
  readonly from?: string;
  readonly keyring?: string;
  readonly arch?: string;
}

/** What is to be locked. */
export interface Wanted {
  readonly references: readonly Reference[];
  readonly packages: readonly PackageRequest[];
  readonly lists: ReadonlyMap<string, LockedList>;
  readonly specs: ReadonlyMap<string, Digest>;
}

/**
 * Returns what a command line names: references, URLs of packages and specs, or with `--from` names in a list.
 * @throws LarderError LDR_BAD_REFERENCE, LDR_USAGE, LDR_BAD_SPEC, LDR_DISK*
 */
export function wantedOf(names: readonly string[], options: WantedOptions): Wanted {
  const { from, keyring, arch } = options;
  if (from !== undefined) {
    const list = {
      names: [...names],
      keyring: keyring === undefined ? undefined : pathInLock(keyring),
      arch,
    };
    return { ...NOTHING, lists: new Map([[lockable(pathInLock(from)), list]]) };
  }
  const [option] = Object.entries({ keyring, arch }).find(([, value]) => value !== undefined) ?? [];
  if (option !== undefined) throw optionWithoutList(`--${option}`);
  const urls = names.filter((name) => /^https?:\/\//i.test(name));
  // A repository with such a name needs its tag, or docker:// before it.
  const specs = names.filter((name) => /\.(?:ya?ml|json)$/.test(name) && !name.includes("://"));
  const others = names.filter((name) => !urls.includes(name) && !specs.includes(name));
  return together([
    {
      ...NOTHING,
      references: others.map(taggedReference),
      packages: urls.map((url) => requestForUrl(lockable(url))),
    },
    ...specs.map(wantedBySpec),
  ]);
}

const NOTHING: Wanted = { references: [], packages: [], lists: new Map(), specs: new Map() };

function together(all: readonly Wanted[]): Wanted {
  return {
    references: all.flatMap(({ references }) => references),
    packages: all.flatMap(({ packages }) => packages),
    lists: all.reduce((lists, each) => withNames(lists, each.lists), NOTHING.lists),
    specs: new Map(all.flatMap(({ specs }) => [...specs])),
  };
}

/** Returns lists with the names that are wanted from either; a list without names is wanted whole. */
export function withNames(
  before: ReadonlyMap<string, LockedList>,
  added: ReadonlyMap<string, LockedList>,
): ReadonlyMap<string, LockedList> {
  const lists = new Map(before);
  for (const [from, list] of added) {
    const own = (before.get(from) ?? list).names ?? [];
    const isAll = own.length === 0 || (list.names ?? []).length === 0;
    const names = isAll ? undefined : [...new Set([...own, ...list.names!])].sort();
    lists.set(from, { ...before.get(from), ...definedMembers(list), names });
  }
  return lists;
}

function wantedBySpec(path: string): Wanted {
  const spec = readSpecFile(path);
  return {
    references: spec.refs.map((text) => parseReference(text)).filter(({ digest }) => !digest),
    packages: spec.packages.flatMap((each, i) =>
      "from" in each ? [] : requestFor(spec, i, { ...each, url: lockable(each.url) })
    ),
    lists: listsOf(spec),
    specs: new Map([[pathInLock(path), digestOfSpec(spec)]]),
  };
}

function listsOf(spec: BuildSpec): ReadonlyMap<string, LockedList> {
  return spec.packages.reduce<Wanted["lists"]>((lists, each) => {
    if (!("from" in each)) return lists;
    const from = lockable(pathInLock(listOf(spec, each.from)));
    const keyring = each.keyring && pathInLock(listOf(spec, each.keyring));
    return withNames(lists, new Map([[from, { names: [...each.names], keyring }]]));
  }, new Map());
}

/** Returns a URL, or a path, that a committed file may hold. */
function lockable(url: string): string {
  rejectCredential(url);
  return url;
}

/** @throws LarderError LDR_USAGE for a digest, which nothing can move */
function taggedReference(text: string): Reference {
  const reference = parseReference(readReference(text));
  if (!reference.digest) return reference;
  throw new LarderError("LDR_USAGE", `${text} names a digest, which needs no lock`, {
    hint: "leave it out: --frozen takes it as it is; or lock a tag",
  });
}

/** Returns everything that is locked. @throws LarderError LDR_NOT_LOCKED, LDR_BAD_SPEC, LDR_DISK* */
export function allOf(lock: Lock | undefined): Wanted {
  if (!lock) {
    throw new LarderError("LDR_NOT_LOCKED", `there is no ${LOCK_FILE} in ${Deno.cwd()}`, {
      hint: "write it with larder lock REFERENCE…",
    });
  }
  const specs = together([...lock.specs.keys()].map(wantedBySpec));
  const given = new Set(specs.packages.map(({ urls }) => urls[0]));
  const own = lock.packages.filter(({ from }) => from === undefined).map(unfrozenRequestOf);
  return together([{
    ...NOTHING,
    references: [...lock.references.keys()].map(parseReference),
    packages: own.filter(({ urls }) => !given.has(urls[0])),
    lists: lock.lists,
  }, specs]);
}
