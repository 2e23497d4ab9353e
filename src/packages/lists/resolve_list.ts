import { basename, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LarderError } from "../../base/errors.ts";
import { isFolder } from "../../base/files/system_error.ts";
import { digestOfFile } from "../../store/blobs/blob_store.ts";
import type { PackageRequest } from "../package_request.ts";
import type { IndexSizes } from "../space_request.ts";
import { requestFor } from "../url_request.ts";
import { DEBIAN_NAMES } from "./debian/names.ts";
import { type DebianRepository, resolveDebian, resolvePackagesIndex } from "./debian/repository.ts";
import { Documents, type ListDocument, nameOf } from "./documents.ts";
import type { ListedDebian, ListedPackage } from "./list_file.ts";
import type { ListDeps } from "./list_deps.ts";
import type { RpmRepository } from "./rpm/repository.ts";
import { missingPackages } from "./selection.ts";

/** Architectures of this machine as Debian and rpm name them. */
const DEBIAN_ARCH = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
const RPM_ARCH = Deno.build.arch;

/**
 * Resolves a list of any kind. In a module of its own, so that what it needs is loaded only for a list.
 *
 * @param sizes receives the indexes that are written to the cache
 */
export async function resolveList(
  list: string,
  wanted: readonly string[],
  deps: ListDeps,
  sizes: IndexSizes,
): Promise<PackageRequest[]> {
  const documents = new Documents(deps, sizes);
  const requests = await resolveAt(locate(list), wanted, documents, deps);
  await documents.sync();
  return requests;
}

const PACKAGES = /^Packages(?:\.gz|\.xz|\.zst)?$/;
const REPOMD = "repomd.xml";

function isSignedFile(file: string): file is "InRelease" | "Release" {
  return file === "InRelease" || file === "Release";
}

/** True for the index of a repository; any other name, of a file or in a URL, is that of a YAML or JSON list. */
export function isIndex(path: string): boolean {
  const file = basename(path);
  return isSignedFile(file) || PACKAGES.test(file) || file === REPOMD;
}

async function resolveAt(
  url: URL,
  wanted: readonly string[],
  documents: Documents,
  deps: ListDeps,
): Promise<PackageRequest[]> {
  const file = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  if (isSignedFile(file)) {
    const { keyring } = deps;
    const repository = debianAt(url, wanted, deps);
    return await resolveDebian({ ...repository, signedFile: file, keyring }, documents, deps);
  }
  if (PACKAGES.test(file)) {
    return await resolvePackagesIndex(url, debianAt(url, wanted, deps), documents, deps);
  }
  if (file === REPOMD) {
    requireNames(wanted, url);
    const { arch = RPM_ARCH, keyring } = deps;
    return await resolveRpm({ root: new URL("..", url), arch, keyring, wanted }, documents, deps);
  }
  const isLocalFolder = url.protocol === "file:" && isFolder(fileURLToPath(url));
  if (isLocalFolder || (file === "" && url.search === "")) throw notAList(url, "a folder");
  const document = await documents.read(url);
  if (PAGE.test(new TextDecoder().decode(document.bytes.subarray(0, PAGE_START)))) {
    throw notAList(url, "a page");
  }
  return await resolveListFile(document, wanted, documents, deps);
}

/** The beginning of HTML and of XML; no YAML begins so. */
const PAGE = /^\s*</;

/** Bytes in which it is looked for. */
const PAGE_START = 256;

/** A repository is named by its index: what a server shows for a folder is a page. */
function notAList(url: URL, what: string): LarderError {
  const name = nameOf(url);
  const folder = name.replace(/\/?$/, "/");
  return new LarderError("LDR_USAGE", `${name} is ${what}, neither a list nor an index`, {
    hint: `name its index: ${folder}repodata/repomd.xml, or ${folder}dists/SUITE/InRelease`,
  });
}

/** Loads the XML parser only for an rpm repository. */
async function resolveRpm(
  repository: RpmRepository,
  documents: Documents,
  deps: ListDeps,
): Promise<PackageRequest[]> {
  const { resolveRpm } = await import("./rpm/repository.ts");
  return await resolveRpm(repository, documents, deps);
}

/** Returns the URL of a list. @throws LarderError LDR_USAGE for another scheme than http and https */
function locate(list: string): URL {
  if (!/^[A-Za-z][A-Za-z0-9+.-]+:/.test(list)) return pathToFileURL(resolve(list));
  const url = URL.parse(list);
  if (url && ["http:", "https:", "file:"].includes(url.protocol)) return url;
  throw new LarderError("LDR_USAGE", `${JSON.stringify(list)} is not a list that can be read`, {
    hint: "name a file, or a URL that begins with http:// or https://",
  });
}

/** Returns the repository of an index that is named itself: of a suite below `dists`, or else of the index's folder. */
function debianAt(url: URL, wanted: readonly string[], deps: ListDeps): DebianRepository {
  requireNames(wanted, url);
  const folder = new URL(".", url);
  const dists = folder.href.lastIndexOf("/dists/");
  const root = dists < 0 ? folder : new URL(folder.href.slice(0, dists + 1));
  return { root, folder, arch: deps.arch ?? DEBIAN_ARCH, checksValidUntil: true, wanted };
}

/** @throws LarderError LDR_USAGE */
function requireNames(wanted: readonly string[], url: URL): void {
  if (wanted.length > 0) return;
  throw new LarderError("LDR_USAGE", `no packages are named to fetch from ${nameOf(url)}`, {
    hint: "write the names of packages after the options, such as hello or hello=2.10-3",
  });
}

/** Resolves a YAML or JSON list: its packages and those of its repositories, or the wanted ones of these. */
async function resolveListFile(
  document: ListDocument,
  wanted: readonly string[],
  documents: Documents,
  deps: ListDeps,
): Promise<PackageRequest[]> {
  const { parseListFile } = await import("./list_file.ts");
  const list = parseListFile(document);
  if (
    deps.keyring !== undefined && list.repositories.every(({ keyring }) => keyring !== undefined)
  ) {
    throw noIndex(document.name);
  }
  const requests = list.packages.map(requestForListed);
  for (const { packages, keyring = deps.keyring, ...repository } of list.repositories) {
    const shared = { keyring, wanted: packages, root: repository.url };
    requests.push(
      ...repository.kind === "rpm"
        ? await resolveRpm(
          { ...shared, arch: repository.arch ?? deps.arch ?? RPM_ARCH },
          documents,
          deps,
        )
        : await resolveDebian(debianOf(repository, shared, deps), documents, deps),
    );
  }
  await documents.keep(document);
  return selectListed(requests, wanted, document.name);
}

function noIndex(list: string): LarderError {
  return new LarderError("LDR_USAGE", `${list} names no repository that --keyring could check`, {
    hint: "leave out --keyring: the keyrings and digests in the list are used in any case",
  });
}

/** A file on this machine is what it is now: its digest is that of the request, unless the list states one. */
function requestForListed({ url, ...naming }: ListedPackage): PackageRequest {
  if (url.protocol !== "file:" || naming.digest) return requestFor(url, naming);
  const path = fileURLToPath(url);
  const digest = digestOfFile(path, "sha256");
  if (digest) return requestFor(url, { ...naming, digest });
  throw new LarderError("LDR_NOT_FOUND", `no file ${path}`, { hint: "check the path in the list" });
}

/** A suite that ends with `/` is a folder below the root, without `dists` and components (sources.list(5)). */
function debianOf(
  { suite, components, arch, checksValidUntil }: Omit<ListedDebian, "packages" | "keyring">,
  shared: Pick<DebianRepository, "keyring" | "wanted" | "root">,
  deps: ListDeps,
): DebianRepository {
  const isFlat = suite.endsWith("/");
  return {
    ...shared,
    folder: new URL(isFlat ? suite.replace(/^\/+/, "./") : `dists/${suite}/`, shared.root),
    suite: isFlat ? undefined : suite,
    components,
    arch: arch ?? deps.arch ?? DEBIAN_ARCH,
    checksValidUntil,
  };
}

/** Returns those of the listed packages that are wanted, or all. @throws LarderError LDR_NOT_FOUND */
function selectListed(
  requests: readonly PackageRequest[],
  wanted: readonly string[],
  list: string,
): PackageRequest[] {
  if (wanted.length === 0) return [...requests];
  const formsOf = ({ id }: PackageRequest) => [
    ...DEBIAN_NAMES.forms(id),
    ...DEBIAN_NAMES.formsWithArch(id),
  ];
  const missing = wanted.filter((text) => !requests.some((each) => formsOf(each).includes(text)));
  if (missing.length > 0) {
    throw missingPackages(missing, list, requests.map(({ id }) => id), DEBIAN_NAMES);
  }
  return requests.filter((each) => formsOf(each).some((form) => wanted.includes(form)));
}
