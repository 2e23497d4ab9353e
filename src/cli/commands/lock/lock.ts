import { mapLimit } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { plural } from "../../../base/units.ts";
import type { Digest } from "../../../oci/digest.ts";
import { formatReference, parseReference, type Reference } from "../../../oci/reference.ts";
import type { PackageRequest } from "../../../packages/package_request.ts";
import { requestForUrl } from "../../../packages/url_request.ts";
import type { RegistryClient } from "../../../registry/client.ts";
import type { Context } from "../../context.ts";
import { changeLock, LOCK_FILE, readLock } from "../../lock/file.ts";
import type { Lock, LockedPackage } from "../../lock/format.ts";
import type { Format } from "../../options.ts";
import { readReference } from "../../reference_argument.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { countProgress } from "../../terminal/progress.ts";
import { type Change, changesOf, unchangedIn } from "./changes.ts";
import { lockPackages, requestForLocked } from "./packages.ts";

export interface LockOptions {
  readonly format: Format;
}

/** What is to be locked. */
interface Wanted {
  readonly references: readonly Reference[];
  readonly packages: readonly PackageRequest[];
}

/**
 * `larder lock`: writes what references name now, and the digests of packages, to `larder.lock`; without arguments, all
 * that are in it already. Nothing is written unless everything was resolved.
 *
 * @throws LarderError LDR_USAGE, LDR_NOT_LOCKED, LDR_BAD_LOCK, LDR_DISK*, and the codes of a pull and a fetch
 */
export async function lock(
  context: Context,
  names: readonly string[],
  options: LockOptions,
): Promise<void> {
  if (context.options.offline) throw needsRegistry();
  const signal = context.interruptible();
  const current = readLock();
  const wanted = names.length > 0 ? wantedOf(names) : allOf(current);
  const { client } = openRegistry(context);
  const references = await resolveAll(context, client, wanted.references, current, signal);
  const packages = await lockPackages(context, wanted.packages);
  const { before, after } = await changeLock((lock) => ({
    ...lock,
    references: new Map([...lock.references, ...references]),
    packages: mergedPackages(lock.packages, packages),
  }), signal);
  report(context, before, after, options.format);
}

/** @throws LarderError LDR_BAD_REFERENCE, LDR_USAGE */
function wantedOf(names: readonly string[]): Wanted {
  const isUrl = (name: string) => /^https?:\/\//i.test(name);
  return {
    references: names.filter((name) => !isUrl(name)).map(taggedReference),
    packages: names.filter(isUrl).map((url) => requestForUrl(url)),
  };
}

/** Returns everything that is locked. @throws LarderError LDR_NOT_LOCKED */
function allOf(lock: Lock | undefined): Wanted {
  if (!lock) {
    throw new LarderError("LDR_NOT_LOCKED", `there is no ${LOCK_FILE} in ${Deno.cwd()}`, {
      hint: "write it with larder lock REFERENCE…",
    });
  }
  return {
    references: [...lock.references.keys()].map(parseReference),
    packages: lock.packages.map(requestForLocked),
  };
}

/** Replaces the packages that are locked for the same URLs. */
function mergedPackages(
  before: readonly LockedPackage[],
  packages: readonly LockedPackage[],
): LockedPackage[] {
  const urls = new Set(packages.map(({ url }) => url));
  return [...before.filter(({ url, from }) => from !== undefined || !urls.has(url)), ...packages];
}

/** @throws LarderError LDR_USAGE for a digest, which nothing can move */
function taggedReference(text: string): Reference {
  const reference = parseReference(readReference(text));
  if (!reference.digest) return reference;
  throw new LarderError("LDR_USAGE", `${text} names a digest, which needs no lock`, {
    hint: "leave it out: --frozen takes it as it is; or lock a tag",
  });
}

/** Asks the registries what references name now. */
async function resolveAll(
  context: Context,
  client: RegistryClient,
  references: readonly Reference[],
  current: Lock | undefined,
  signal: AbortSignal,
): Promise<Map<string, Digest>> {
  const resolved = new Map<string, Digest>();
  using progress = await countProgress(context, "references resolved");
  progress.addTotal(references.length);
  await mapLimit(references, TRANSFERS, async (reference, signal) => {
    const name = formatReference(reference);
    resolved.set(
      name,
      await currentDigest(client, reference, current?.references.get(name), signal),
    );
    progress.advance(1);
  }, signal);
  return resolved;
}

/** Returns the digest of a tag: that of the manifest's own bytes, unless the registry confirms the locked one. */
async function currentDigest(
  client: RegistryClient,
  reference: Reference,
  locked: Digest | undefined,
  signal: AbortSignal,
): Promise<Digest> {
  const repository = client.repository(reference);
  if (locked && await repository.head(reference.tag!, signal) === locked) return locked;
  return (await repository.manifest(reference.tag!, signal)).digest;
}

function report(context: Context, before: Lock, after: Lock, format: Format): void {
  const changes = changesOf(before, after);
  if (format === "json") writeJson(changes);
  else writeOut(changes.map(changeText).join(""));
  const unchanged = unchangedIn(before, after);
  const amounts = [
    changes.length > 0 ? `${plural(changes.length, "change")}` : "",
    unchanged > 0 ? `${unchanged} unchanged` : "",
  ];
  context.info(`${LOCK_FILE}: ${amounts.filter((text) => text !== "").join(", ") || "empty"}`);
}

function changeText({ kind, name, from, to }: Change): string {
  const mark = from === null ? "+" : to === null ? "-" : "~";
  return `${mark} ${kind} ${name} ${to ?? from}\n`;
}

function needsRegistry(): LarderError {
  return new LarderError("LDR_USAGE", "cannot lock with --offline", {
    hint: "leave out --offline: only the registries know what references name now",
  });
}
