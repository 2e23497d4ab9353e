import { LarderError } from "../base/errors.ts";
import { definedMembers } from "../base/json.ts";
import { redact } from "../base/redact.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash.ts";
import { splitCredentials } from "../registry/url_fetcher.ts";
import type { PackageId } from "../store/entries/package_record.ts";
import { isPathPart } from "../store/layout.ts";
import {
  ANY_ARCH,
  MAX_FILE_NAME,
  type NamedPackage,
  parsePackageFileName,
} from "./package_file_name.ts";
import type { PackageRequest } from "./package_request.ts";

/** `source` of a package that is named by its URL. */
const URL_SOURCE = "url";

/** `version` of a package whose file name states none. */
const NO_VERSION = "-";

/** Characters of a name that is too long for a folder, before the hash that tells it from others. */
const MAX_PREFIX = 120;

/** Digits of that hash. */
const HASH_DIGITS = 16;

/** Folder names in which Alpine repositories keep the packages of an architecture. */
const ALPINE_ARCH = /^(?:x86|x86_64|aarch64|armhf|armv7|ppc64le|s390x|riscv64|loongarch64|noarch)$/;

const encoder = new TextEncoder();

/** The name of a package as far as the user states it, and the digest that it must have. */
export interface PackageNaming extends Partial<PackageId> {
  readonly digest?: Digest | undefined;
}

/**
 * Returns the request for the package at a URL: named by `naming`, otherwise by its file name, otherwise by the URL.
 *
 * @throws LarderError LDR_USAGE for a text that is no HTTP URL, and for a name that the cache cannot have
 */
export function requestForUrl(text: string, naming: PackageNaming = {}): PackageRequest {
  return requestFor(parsePackageUrl(text), naming);
}

/** Does the same for a parsed URL, which may also be of a file on this machine. @throws LarderError LDR_USAGE */
export function requestFor(url: URL, naming: PackageNaming = {}): PackageRequest {
  const fileName = fileNameOf(url);
  const named = namedBy(url, fileName);
  const { digest, ...stated } = naming;
  const id = { ...(named ?? namedByUrl(url, stated)), ...definedMembers(stated) };
  for (const [key, value] of Object.entries(id)) {
    if (!isPathPart(value)) throw unusableName(key, value);
  }
  return { id, urls: [url.href], fileName, digest };
}

/** @throws LarderError LDR_USAGE */
export function parsePackageUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "") {
    url.hash = "";
    return url;
  }
  throw new LarderError("LDR_USAGE", `"${redact(text)}" is not the URL of a package`, {
    hint:
      "write a URL that begins with http:// or https://, or name a list that has it with --from",
  });
}

/**
 * Returns the source of packages below a URL: its host and the path of the repository, without the folders in which
 * repositories of its kind keep their packages. The scheme is left out, so that `http` and `https` are one source.
 *
 * `deb.debian.org/debian` for `http://deb.debian.org/debian/pool/main/h/hello/hello_2.10-3_amd64.deb`.
 */
export function sourceOfUrl(url: URL): string {
  const folders = foldersOf(url);
  // Debian's pool, the Packages folder of RPM repositories, the files of PyPI and of crates.io.
  const ends = ["pool", "Packages", "packages", "crates"]
    .map((name) => folders.indexOf(name)).filter((index) => index >= 0);
  let path = folders.slice(0, Math.min(folders.length, ...ends));
  if (ends.length === 0 && ALPINE_ARCH.test(path.at(-1) ?? "")) path = path.slice(0, -1);
  return shortened([url.host, ...path].join("/"));
}

/** Returns what the path of a URL says of its package; undefined if nothing. */
function namedBy(url: URL, fileName: string): PackageId | undefined {
  const named = parsePackageFileName(fileName);
  if (!named) return undefined;
  const folders = foldersOf(url);
  const source = sourceOfNamed(url, folders, named);
  if (fileName.endsWith(".tgz")) return { source, ...withScope(named, folders) };
  const isAlpine = fileName.endsWith(".apk") && ALPINE_ARCH.test(folders.at(-1) ?? "");
  return { source, ...named, ...(isAlpine && { arch: folders.at(-1)! }) };
}

/** npm keeps `@scope/name` at `@scope/name/-/name-1.0.0.tgz`, and crates.io `name` in a folder of that name. */
function sourceOfNamed(url: URL, folders: readonly string[], { name }: NamedPackage): string {
  const dash = folders.lastIndexOf("-");
  if (dash < 0 || folders[dash - 1] !== name) return sourceOfUrl(url);
  const isScoped = folders[dash - 2]?.startsWith("@") === true;
  return shortened([url.host, ...folders.slice(0, dash - (isScoped ? 2 : 1))].join("/"));
}

function withScope(named: NamedPackage, folders: readonly string[]): NamedPackage {
  const [scope, name, dash] = folders.slice(-3);
  const isScoped = dash === "-" && scope?.startsWith("@") && name === named.name;
  return isScoped ? { ...named, name: `${scope}/${name}` } : named;
}

function namedByUrl(url: URL, { name, version }: PackageNaming): PackageId {
  const isNamed = name !== undefined || version !== undefined;
  return {
    source: isNamed ? sourceOfUrl(url) : URL_SOURCE,
    name: nameOfUrl(url),
    version: NO_VERSION,
    arch: ANY_ARCH,
  };
}

/**
 * Returns a URL as a name, without secrets. URLs that differ in a hidden value, such as `?key=a` and `?key=b`, can be
 * different files, so a hash tells them apart.
 */
function nameOfUrl(url: URL): string {
  const { href } = withoutUser(url);
  const text = redact(href);
  return shortened(text === href ? text : `${text}~${shortHash(href)}`);
}

/** Returns the bytes whose digest names the partial file of a URL, the same whatever credentials the URL contains. */
export function partialKey(url: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(splitCredentials(new URL(url)).url.href);
}

/** Returns a URL that can be stored and printed. */
export function withoutCredentials(url: URL): string {
  return redact(withoutUser(url).href);
}

function withoutUser(url: URL): URL {
  const clean = new URL(url);
  clean.username = clean.password = "";
  return clean;
}

/**
 * Returns the name of the file at a URL: the last part of its path, in which `:` stays `%3a`, as apt writes it, or the
 * host. crates.io serves `name-version.crate` at `name/version/download`.
 */
function fileNameOf(url: URL): string {
  const parts = url.pathname.split("/").filter((part) => part !== "").map(decoded);
  const [name, version, action] = parts.slice(-3);
  const crate = action === "download" && parts.at(-4) === "crates" &&
    `${name}-${version}.crate`;
  const last = crate || (parts.at(-1) ?? url.hostname);
  const safe = isFileName(last) ? last.replaceAll(":", "%3a") : encodeURIComponent(last);
  return shortened(safe, (text) => encoder.encode(text).length <= MAX_FILE_NAME);
}

/** True if a text can be the name of a file in every folder, unless it is too long. */
function isFileName(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return text !== "." && text !== ".." && !/[/\\\x00-\x1f\x7f]/.test(text);
}

/** Returns the folders in the path of a URL; npm also encodes the slash between scope and name. */
function foldersOf(url: URL): string[] {
  const folders = url.pathname.split("/").slice(0, -1);
  return folders.flatMap((part) => decoded(part).split("/")).filter((part) => part !== "");
}

function decoded(part: string): string {
  try {
    const text = decodeURIComponent(part);
    return /\p{Cc}/u.test(text) ? part : text;
  } catch {
    return part; // A `%` that encodes nothing.
  }
}

/** Shortens a text that is too long for a folder; texts that differ stay different. */
function shortened(text: string, fits: (text: string) => boolean = isPathPart): string {
  if (fits(text)) return text;
  const hash = shortHash(text);
  let start = text.slice(0, MAX_PREFIX);
  while (!fits(`${start}~${hash}`)) start = start.slice(0, -1);
  return `${start}~${hash}`;
}

function shortHash(text: string): string {
  return digestOf(encoder.encode(text)).slice("sha256:".length).slice(0, HASH_DIGITS);
}

function unusableName(key: string, value: string): LarderError {
  return new LarderError("LDR_USAGE", `"${value}" cannot be the ${key} of a package`, {
    hint: "write 1 to 255 bytes; every character but letters, digits, - _ . ~ counts as three",
  });
}
