import { matchesGlob } from "../base/glob.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import { namesRegistry } from "../oci/reference.ts";

const DOCKER_HUB = "docker.io/";
const LIBRARY = "library";
const LATEST = ":latest";

/** The digest at the end of the name of an image or build. */
const AT_DIGEST = /(@sha(?:256|512):[0-9a-f]{12})[0-9a-f]+$/;

/** The name of a build: no reference in full is without a slash. */
const BUILD = /^([^/]+)@((?:sha256|sha512):[0-9a-f]+)$/;

/**
 * The name of a package: source, name, version and architecture, which has no colon, unlike the end of a reference. The
 * name of an npm package may have a scope.
 */
const PACKAGE = /^.+?\/((?:@[^/@]+\/)?[^/]+)\/([^/]+)\/([^/:@]+)$/;

/** The name of a package or index that is named by its URL. */
const BY_URL = /^[a-z]+\/(https?:\/\/.+)\/([^/]+)\/([^/:@]+)$/;

/** The name of a compiled entry: the digest of the component and the version of the engine. */
const COMPILED = /^sha(?:256|512):([0-9a-f]{12})[0-9a-f]*\/(.+)$/;

/**
 * True if a name or glob that a user wrote matches the name of an entry, in full or in a short form: `nginx` matches
 * `docker.io/library/nginx:latest`.
 */
export function matchesName(pattern: string, name: string): boolean {
  return spellings(name).some((spelling) => matchesGlob(pattern, spelling));
}

/**
 * Returns all forms of a name: without `docker.io`, without `library`, without the tag `latest`, with the first 12
 * digits of a digest, and of a package without its source.
 */
export function spellings(name: string): string[] {
  const names = [...new Set([name, shortName(name)])];
  const id = packageIn(name);
  if (id) names.push([id.name, id.version, id.arch].join("/"));
  const [user, ...rest] = name.startsWith(DOCKER_HUB) ? name.split("/").slice(1) : [];
  // `docker.io/local/app` is another name than `local/app`, and `docker.io/library/acme/app` than `acme/app`.
  if (user !== undefined && !namesRegistry(user)) names.push(name.slice(DOCKER_HUB.length));
  if (user === LIBRARY && rest.length === 1) names.push(rest[0]!);
  if (!name.endsWith(LATEST)) return names;
  return [...names, ...names.map((each) => each.slice(0, -LATEST.length))];
}

/**
 * Returns the forms of the name of a package or build that several versions of it share: `hello`, `hello=2.10-3` and
 * `hello:amd64`, as apt writes them. They name an entry if no {@link spellings} does, and only one entry has them.
 */
export function sharedForms(name: string): string[] {
  const [, build] = BUILD.exec(name) ?? [];
  if (build !== undefined) return [build];
  const id = packageIn(name);
  if (!id) return [];
  const names = [id.name, `${id.name}:${id.arch}`];
  return [...names, ...names.map((each) => `${each}=${id.version}`)];
}

/** Returns the digest of the specification in the name of a build; undefined for any other name. */
export function keyOfBuild(name: string): Digest | undefined {
  return asDigest(BUILD.exec(name)?.[2] ?? "");
}

/** The source under which the indexes of repositories, and lists from servers, are cached like packages. */
export const INDEX_SOURCE = "index";

/** True for the name of a package that is the index of a repository, or a list. */
export function isIndexName(name: string): boolean {
  return name.startsWith(`${INDEX_SOURCE}/`) && name.endsWith("/-/any");
}

/** Returns the source in the name of a package; undefined for any other name. */
export function sourceOfPackage(name: string): string | undefined {
  const id = packageIn(name);
  return id && name.slice(0, -[id.name, id.version, id.arch].join("/").length - 1);
}

function packageIn(name: string): { name: string; version: string; arch: string } | undefined {
  const match = COMPILED.test(name) ? undefined : BY_URL.exec(name) ?? PACKAGE.exec(name);
  return match ? { name: match[1]!, version: match[2]!, arch: match[3]! } : undefined;
}

/**
 * Returns a name as tables show it: for a build and a compiled entry with the first 12 digits of the digest.
 */
export function displayName(name: string): string {
  if (BUILD.test(name)) return name.replace(AT_DIGEST, "$1");
  const [, digits, engine] = COMPILED.exec(name) ?? [];
  return engine === undefined ? name : `${digits}/${engine}`;
}

/** Like {@link displayName}, but with the first 12 digits of any digest; commands that pull do not take it. */
export function shortName(name: string): string {
  return displayName(name).replace(AT_DIGEST, "$1");
}
