import { hasCode, LarderError } from "../../../base/errors.ts";
import { mapLimit } from "../../../base/concurrency.ts";
import type { Digest } from "../../../oci/digest.ts";
import type { PackageRequest } from "../../package_request.ts";
import { decompress, readableSuffixes } from "../decompress.ts";
import { type Documents, nameOf } from "../documents.ts";
import { badIndex, unverified } from "../index_errors.ts";
import type { IndexPackage } from "../index_package.ts";
import type { ListDeps } from "../list_deps.ts";
import { requestFor } from "../package_requests.ts";
import { type Candidate, missingPackages, Selection } from "../selection.ts";
import {
  asOtherSnapshot,
  checkDetached,
  checkInline,
  type SignedIndex,
  withSnapshot,
} from "../signed_index.ts";
import { archIn, DEBIAN_NAMES } from "./names.ts";
import { readPackagesIndex } from "./packages_index.ts";
import { parseRelease, type Release, type ReleaseFile } from "./release.ts";

/** Indexes that are fetched at once. */
const INDEXES_AT_ONCE = 4;

/** A Debian repository, and the packages that are wanted of it. */
export interface DebianRepository {
  /** URL below which the paths of packages are, with a `/` at its end. */
  readonly root: URL;
  /** URL of the folder of `InRelease`, with a `/` at its end. */
  readonly folder: URL;
  /** By default `InRelease`, and `Release` if there is none. */
  readonly signedFile?: "InRelease" | "Release" | undefined;
  /** The suite that it must be; not compared if it is undefined. */
  readonly suite?: string | undefined;
  /** By default all. */
  readonly components?: readonly string[] | undefined;
  readonly arch: string;
  readonly keyring?: string | undefined;
  /** False to accept an index after its `Valid-Until`, as of an archive of old snapshots. */
  readonly checksValidUntil: boolean;
  /** Texts that select packages, see {@link DEBIAN_NAMES}. */
  readonly wanted: readonly string[];
}

/** A `Packages` index and the bytes of it, decompressed. */
interface OpenIndex {
  readonly name: string;
  chunks(): Promise<AsyncIterable<Uint8Array>>;
}

/** A package, and the index that describes it. */
interface Found extends IndexPackage {
  readonly index: string;
}

/**
 * Returns the packages that are wanted of a repository: `InRelease` vouches for `Packages`, and that for each package.
 *
 * @throws LarderError LDR_UNVERIFIED, LDR_EXPIRED, LDR_DIGEST_MISMATCH, LDR_BAD_INDEX, LDR_NOT_FOUND, and those of
 * {@link Documents}
 */
export async function resolveDebian(
  repository: DebianRepository,
  documents: Documents,
  deps: ListDeps,
): Promise<PackageRequest[]> {
  return await withSnapshot(
    () => readRelease(repository, documents, deps),
    async (signed) => {
      const release = parseRelease(signed.text, signed.document.name);
      checkRelease(release, signed, repository, deps);
      const files = indexesOf(release, repository, signed.document.name);
      const indexes = await mapLimit(
        files,
        INDEXES_AT_ONCE,
        (forms) => openIndex(forms, release, signed, repository, documents),
        deps.signal,
      );
      return await select(indexes, repository, signed.document.digest);
    },
    documents,
  );
}

/** Returns the packages that are wanted of a `Packages` index that is named itself, so that nothing vouches for it. */
export async function resolvePackagesIndex(
  url: URL,
  repository: DebianRepository,
  documents: Documents,
  deps: ListDeps,
): Promise<PackageRequest[]> {
  const document = await documents.read(url);
  const { name, bytes, digest } = document;
  const hint = "name its InRelease, which is signed and vouches for it";
  if (deps.keyring !== undefined) throw unverified(name, "it is not signed", hint);
  deps.note?.(`${name} is not signed: ${hint}`);
  // deno-lint-ignore require-await
  const chunks = async () => decompress(ReadableStream.from([bytes]), name);
  const requests = await select([{ name, chunks }], repository, digest);
  await documents.keep(document);
  return requests;
}

async function readRelease(
  { folder, signedFile, keyring }: DebianRepository,
  documents: Documents,
  deps: ListDeps,
): Promise<SignedIndex> {
  if (signedFile !== "Release") {
    const url = new URL("InRelease", folder);
    const inline = signedFile ? await documents.read(url) : await documents.readIfAny(url);
    if (inline) return await checkInline(inline, keyring, deps);
  }
  const release = await documents.read(new URL("Release", folder));
  return await checkDetached(release, new URL("Release.gpg", folder), keyring, documents, deps);
}

/** @throws LarderError LDR_EXPIRED */
function checkRelease(
  { suite, codename, validUntil }: Release,
  { document: { name, isCached } }: SignedIndex,
  repository: DebianRepository,
  deps: ListDeps,
): void {
  const expected = repository.suite;
  if (expected !== undefined && expected !== suite && expected !== codename) {
    deps.note?.(
      `${name} is of the suite ${codename ?? suite ?? "without a name"}, not ${expected}`,
    );
  }
  if (validUntil === undefined || deps.clock.now() <= validUntil) return;
  const expired = `${name} expired on ${new Date(validUntil).toUTCString()}`;
  // It was valid when it was fetched, and without network there can be no newer one.
  if (isCached || !repository.checksValidUntil) return deps.note?.(expired);
  throw new LarderError("LDR_EXPIRED", expired, {
    hint: "use a mirror that is up to date, or accept it with check_valid_until: false in a list",
  });
}

/** An index in the compressions in which `Release` names it, the best one first. */
type IndexForms = readonly [ReleaseFile, ...ReleaseFile[]];

/** Returns the `Packages` indexes to read: one for each component and architecture. */
function indexesOf(release: Release, repository: DebianRepository, name: string): IndexForms[] {
  const stated = repository.wanted.flatMap((text) => archIn(text) ?? []);
  const archs = new Set([repository.arch, ...stated]);
  if (!release.hasAllEverywhere) archs.add("all");
  const components = repository.components ?? release.components;
  const files = components.flatMap((component) =>
    [...archs].flatMap((arch) => {
      // In the suites of Debian's security archive, components are named with the suite's own prefix.
      const paths = [component, component.split("/").at(-1)!].map((each) =>
        `${each}/binary-${arch}/Packages`
      );
      const forms = formsOf(release, paths);
      return forms ? [forms] : [];
    })
  );
  if (files.length > 0) return [...new Map(files.map((forms) => [forms[0].path, forms])).values()];
  const flat = formsOf(release, ["Packages", "./Packages"]);
  if (flat && !repository.components) return [flat];
  throw new LarderError(
    "LDR_NOT_FOUND",
    `${name} names no Packages index for ${repository.arch} in ${
      components.join(", ") || "the folder itself"
    }`,
    {
      hint: `it has the components ${
        release.components.join(", ") || "(none)"
      } and the architectures ${release.architectures.join(", ") || "(none)"}`,
    },
  );
}

/** Returns the forms of the index at the first path that has any. */
function formsOf(release: Release, paths: readonly string[]): IndexForms | undefined {
  for (const path of paths) {
    const [first, ...others] = readableSuffixes()
      .flatMap((suffix) => release.files.get(path + suffix) ?? []);
    if (first) return [first, ...others];
  }
  return undefined;
}

/** Opens the first form that the mirror has: many do not keep all that `Release` names. */
async function openIndex(
  forms: IndexForms,
  release: Release,
  signed: SignedIndex,
  repository: DebianRepository,
  documents: Documents,
): Promise<OpenIndex> {
  let failure: unknown;
  for (const form of forms) {
    try {
      return await openForm(form, release, signed, repository, documents);
    } catch (error) {
      const name = nameOf(new URL(form.path, repository.folder));
      failure ??= asOtherSnapshot(error, name, signed);
      const isAbsent = hasCode(error, "LDR_NOT_FOUND", "LDR_NOT_CACHED");
      if (!isAbsent) throw asOtherSnapshot(error, name, signed);
    }
  }
  throw failure;
}

async function openForm(
  { path, digest, size }: ReleaseFile,
  { hasByHash }: Release,
  signed: SignedIndex,
  { folder }: DebianRepository,
  documents: Documents,
): Promise<OpenIndex> {
  const url = new URL(path, folder);
  const [algorithm, hex] = digest.split(":") as [string, string];
  const byHash = new URL(`by-hash/${algorithm.toUpperCase()}/${hex}`, url);
  const name = nameOf(url);
  if (!url.href.startsWith(folder.href)) throw badIndex(signed.document.name, `it names ${name}`);
  const file = {
    urls: hasByHash && url.protocol !== "file:" ? [byHash, url] : [url],
    digest,
    size,
  };
  const open = () => documents.open(file);
  await open();
  return { name, chunks: async () => decompress(await open(), name) };
}

async function select(
  indexes: readonly OpenIndex[],
  repository: DebianRepository,
  vouchedBy: Digest,
): Promise<PackageRequest[]> {
  const { wanted, arch, root } = repository;
  const selection = new Selection<Found>(wanted, DEBIAN_NAMES, [arch, "all"]);
  for (const { name, chunks } of indexes) {
    for await (const stanzas of readPackagesIndex(await chunks(), name)) {
      for (const stanza of stanzas) {
        if (selection.mayWant(stanza.name)) selection.offer({ ...stanza.parse(), index: name });
      }
    }
  }
  const { missing, chosen } = selection;
  if (missing.length > 0) {
    const available = await candidatesOf(indexes, new Set(missing.map(DEBIAN_NAMES.nameIn)));
    throw missingPackages(missing, nameOf(repository.folder), available, DEBIAN_NAMES);
  }
  return chosen.map((found) => requestFor(found, root, found.index, vouchedBy));
}

/** Reads the names of all packages, for suggestions, with the versions of some. */
async function candidatesOf(
  indexes: readonly OpenIndex[],
  detailed: ReadonlySet<string | undefined>,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const { name: index, chunks } of indexes) {
    for await (const stanzas of readPackagesIndex(await chunks(), index)) {
      for (const { name, parse } of stanzas) {
        candidates.push(detailed.has(name) ? parse() : { name, version: "", arch: "" });
      }
    }
  }
  return candidates;
}
