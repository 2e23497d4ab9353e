import { LarderError, shellWord } from "../../base/errors.ts";
import type { BuildSpec } from "../../builds/spec.ts";
import { formatReference, parseReference, type Reference } from "../../oci/reference.ts";
import type { PackageRequest } from "../../packages/package_request.ts";
import { parsePackageUrl, requestFor } from "../../packages/url_request.ts";
import { packageName } from "../../store/entries/package_record.ts";
import { sharedForms } from "../../store/entry_names.ts";
import { LOCK_FILE, readLock } from "./file.ts";
import { pathInLock, urlOf } from "./paths.ts";
import { digestOfList } from "./list_digest.ts";
import { digestOfSpec } from "./spec_digest.ts";
import type { Lock, LockedList, LockedPackage } from "./format.ts";

/** What `--frozen` uses. */

/**
 * Reads the lock file that a command with `--frozen` needs.
 * @param missing what has to be locked, for the hint, such as a reference
 * @throws LarderError LDR_NOT_LOCKED if there is none; LDR_BAD_LOCK, LDR_DISK*
 */
function requireLock(missing: string): Lock {
  const lock = readLock();
  if (lock) return lock;
  throw new LarderError("LDR_NOT_LOCKED", `there is no ${LOCK_FILE} in ${Deno.cwd()}`, {
    hint: `write it with larder lock ${missing}, or leave out --frozen`,
  });
}

/**
 * Returns a reference with the digest that the lock file of the current folder has for it, unless it has one already.
 * @throws LarderError LDR_NOT_LOCKED, LDR_BAD_LOCK, LDR_DISK*
 */
export function frozenReference(reference: Reference): Reference {
  if (reference.digest) return reference;
  const name = formatReference(reference);
  const digest = requireLock(name).references.get(name);
  if (digest) return { ...reference, digest };
  throw notLocked(name, name);
}

/** Returns all references of the lock file. @throws LarderError LDR_NOT_LOCKED, LDR_BAD_LOCK, LDR_DISK* */
export function frozenReferences(): Reference[] {
  return [...requireLock("REFERENCE…").references].map(([name, digest]) => ({
    ...parseReference(name),
    digest,
  }));
}

/**
 * Returns the request for the package at a URL, with the digest and the name that the lock file has for it.
 * @throws LarderError LDR_USAGE for what is no URL; LDR_NOT_LOCKED, LDR_BAD_LOCK, LDR_DISK*
 */
export function frozenPackage(text: string): PackageRequest {
  const { href } = parsePackageUrl(text);
  const locked = requireLock(shellWord(text)).packages
    .find(({ url, from }) => url === href && from === undefined);
  if (locked) return requestOf(locked);
  throw notLocked(href, shellWord(href));
}

/**
 * Returns all packages of the lock file; one that several lists have, or that was locked by its URL too, once.
 * @throws LarderError as {@link frozenList}
 */
export function frozenPackages(): PackageRequest[] {
  const { lists, packages } = requireLock("URL…");
  for (const [from, list] of lists) checkFrozenList(from, list);
  const unique = new Map(
    packages.map((each) => [`${packageName(each)} ${each.url} ${each.digest}`, each]),
  );
  return [...unique.values()].map(requestOf);
}

/**
 * Returns the packages that the lock file has for a list.
 * @param names those that are wanted, such as `hello` and `hello=2.10-3`; all of them if there are none
 * @throws LarderError LDR_NOT_LOCKED, LDR_NOT_FOUND for a local list that is gone; LDR_BAD_LOCK, LDR_DISK*
 */
export function frozenList(list: string, names: readonly string[]): PackageRequest[] {
  const from = pathInLock(list);
  const argument = listArguments(from, names);
  const { lists, packages } = requireLock(argument);
  const own = lists.get(from);
  if (!own) throw notLocked(from, argument);
  checkFrozenList(from, own);
  const locked = packages.filter((each) => each.from === from);
  const isNamed = (each: LockedPackage, name: string) =>
    sharedForms(packageName(each)).includes(name);
  const missing = names.find((name) => !locked.some((each) => isNamed(each, name)));
  if (missing !== undefined) throw notLocked(`${missing} of ${from}`, argument);
  return locked.filter((each) => names.length === 0 || names.some((name) => isNamed(each, name)))
    .map(requestOf);
}

/**
 * Fails unless a spec is as it was when it was locked.
 * @throws LarderError LDR_NOT_LOCKED, LDR_BAD_LOCK, LDR_DISK*
 */
export function checkFrozenSpec(path: string, spec: BuildSpec): void {
  const name = pathInLock(path);
  const digest = requireLock(shellWord(name)).specs.get(name);
  if (digest === undefined) throw notLocked(name, shellWord(name));
  if (digest !== digestOfSpec(spec)) throw changed(name, shellWord(name));
}

/** Fails unless a local list is as it was when it was locked. */
function checkFrozenList(from: string, { digest, names = [] }: LockedList): void {
  if (digest === undefined || digest === digestOfList(from)) return;
  throw changed(from, listArguments(from, names));
}

/** Returns what locks packages of a list, as it is typed. */
function listArguments(from: string, names: readonly string[]): string {
  return ["--from", from, ...names].map(shellWord).join(" ");
}

function changed(name: string, argument: string): LarderError {
  return new LarderError("LDR_NOT_LOCKED", `${name} has changed since it was locked`, {
    hint: `lock it again with larder lock ${argument}, or leave out --frozen`,
  });
}

/** Returns the request for a locked package. */
export function requestOf(locked: LockedPackage): PackageRequest {
  const { file, digest, size } = locked;
  const request = { ...unfrozenRequestOf(locked), digest, size };
  return file === undefined ? request : { ...request, fileName: file };
}

/** Returns the request for whatever the URL of a locked package has now. */
export function unfrozenRequestOf({ name, version, arch, source, url }: LockedPackage) {
  return requestFor(urlOf(url), { name, version, arch, source });
}

/** @param subject what is missing @param argument what to pass to `larder lock` */
function notLocked(subject: string, argument: string): LarderError {
  return new LarderError("LDR_NOT_LOCKED", `${subject} is not in ${LOCK_FILE}`, {
    hint: `add it with larder lock ${argument}, or leave out --frozen`,
  });
}
