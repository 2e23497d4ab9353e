import { LarderError } from "../../base/errors.ts";
import { formatReference, parseReference, type Reference } from "../../oci/reference.ts";
import type { PackageRequest } from "../../packages/package_request.ts";
import { parsePackageUrl, requestForUrl } from "../../packages/url_request.ts";
import { LOCK_FILE, readLock } from "./file.ts";
import type { Lock, LockedPackage } from "./format.ts";

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
  const locked = requireLock(text).packages
    .find(({ url, from }) => url === href && from === undefined);
  if (locked) return requestOf(locked);
  throw notLocked(href, `'${href}'`);
}

/** Returns the request for a locked package. */
export function requestOf({ url, file, digest, size, ...id }: LockedPackage): PackageRequest {
  const { name, version, arch, source } = id;
  const request = requestForUrl(url, { name, version, arch, source, digest });
  return { ...request, fileName: file ?? request.fileName, size };
}

/** @param subject what is missing @param argument what to pass to `larder lock` */
function notLocked(subject: string, argument: string): LarderError {
  return new LarderError("LDR_NOT_LOCKED", `${subject} is not in ${LOCK_FILE}`, {
    hint: `add it with larder lock ${argument}, or leave out --frozen`,
  });
}
