import { join, resolve } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { placeFile } from "../../base/files/place_file.ts";
import type { PackageRequest } from "../../packages/package_request.ts";
import { requestForUrl } from "../../packages/url_request.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import type { KeyPackage } from "../key/key.ts";
import type { ListRequest, Sources } from "./sources.ts";
import type { BuildSpec, PackageList, SpecPackage } from "../spec.ts";

/** A package whose digest is known. */
export interface ResolvedPackage extends PackageRequest {
  readonly digest: Digest;
}

/**
 * Returns the packages of a spec with their digests, each file name once. Fetches only those whose digest neither the
 * spec nor a list states.
 *
 * @throws LarderError of the sources; LDR_BAD_SPEC for a bad URL or digest, or if two packages have one file name
 */
export async function resolvePackages(
  spec: BuildSpec,
  sources: Sources,
): Promise<ResolvedPackage[]> {
  const byFile = new Map<string, PackageRequest>();
  for (const [i, wanted] of spec.packages.entries()) {
    const requests = "from" in wanted
      ? await sources.listPackages(listRequest(spec, wanted))
      : [requestFor(spec, i, wanted)];
    for (const request of requests) {
      const { fileName } = request;
      const other = byFile.get(fileName);
      if (other && !isSame(other, request)) {
        const reason = `two different packages have the file name ${fileName}`;
        throw spec.fault(["packages", i], reason, "leave one of them out");
      }
      byFile.set(fileName, request);
    }
  }
  const requests = [...byFile.values()];
  const unknown = requests.filter(({ digest }) => digest === undefined);
  const fetched = unknown.length > 0 ? await sources.fetchPackages(unknown) : [];
  const digests = new Map(fetched.map(({ request, digest }) => [request.fileName, digest]));
  return requests.map((request) => ({
    ...request,
    digest: request.digest ?? digests.get(request.fileName)!,
  }));
}

function listRequest(spec: BuildSpec, { from, names, keyring }: PackageList): ListRequest {
  return {
    from: listOf(spec, from),
    names,
    keyring: keyring === undefined ? undefined : listOf(spec, keyring),
  };
}

/** Returns the path or URL of a list that a spec names. A path is relative to the spec, as inputs are. */
export function listOf({ folder }: BuildSpec, from: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(from) ? from : resolve(folder, from);
}

/** Returns the request for a package that a spec names. @throws LarderError LDR_BAD_SPEC for a bad URL or digest */
export function requestFor(spec: BuildSpec, index: number, wanted: SpecPackage): PackageRequest {
  const { url, digest, ...naming } = wanted;
  try {
    return requestForUrl(url, {
      ...naming,
      digest: digest === undefined ? undefined : parseDigest(digest),
    });
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    throw spec.fault(["packages", index], error.message, hintFor(url) ?? error.hint);
  }
}

/** The hint of a spec for a package that is no URL. */
function hintFor(url: string): string | undefined {
  return URL.canParse(url)
    ? undefined
    : "write a URL that begins with http:// or https://; a file of the project belongs into inputs";
}

function isSame(a: PackageRequest, b: PackageRequest): boolean {
  return a.digest && b.digest ? a.digest === b.digest : a.urls[0] === b.urls[0];
}

/** Returns packages as a key lists them. */
export function keyPackages(packages: readonly ResolvedPackage[]): KeyPackage[] {
  return packages.map(({ id: { name, version, arch }, fileName: file, digest }) => {
    return { name, version, arch, file, digest };
  });
}

/** Copies packages to a folder under their own names. @throws LarderError of the sources; LDR_DISK* */
export async function layOutPackages(
  packages: readonly ResolvedPackage[],
  folder: string,
  sources: Sources,
): Promise<void> {
  if (packages.length === 0) return;
  for (const { request, path } of await sources.fetchPackages(packages)) {
    await placeFile(path, join(folder, request.fileName));
  }
}
