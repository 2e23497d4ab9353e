import { join } from "node:path";
import { LarderError } from "../base/errors.ts";
import { diskError } from "../base/system_error.ts";
import { plural } from "../base/units.ts";
import type { PackageRequest, PackageResult } from "../packages/package_request.ts";
import type { Digest } from "../oci/digest.ts";
import type { KeyPackage } from "./key.ts";
import type { PackageSource } from "./sources.ts";
import type { BuildSpec } from "./spec.ts";

/** A package whose digest is known. */
export interface ResolvedPackage extends PackageRequest {
  readonly digest: Digest;
}

/**
 * Returns the packages of a spec with their digests, each file name once. Fetches only those whose digest neither the
 * spec nor a list states.
 *
 * @throws LarderError of the source; LDR_BAD_SPEC if two packages have the same file name
 */
export async function resolvePackages(
  spec: BuildSpec,
  source: PackageSource,
): Promise<ResolvedPackage[]> {
  const byFile = new Map<string, PackageRequest>();
  for (const [i, wanted] of spec.packages.entries()) {
    for (const request of await source.resolve(wanted)) {
      const other = byFile.get(request.fileName);
      if (other && !isSame(other, request)) {
        throw spec.fault(
          ["packages", i],
          `two different packages have the file name ${request.fileName}`,
          "leave one of them out",
        );
      }
      byFile.set(request.fileName, request);
    }
  }
  const requests = [...byFile.values()];
  const unknown = requests.filter(({ digest }) => digest === undefined);
  const found = new Map(
    (await fetchAll(unknown, source)).map(({ request, digest }) => [request.fileName, digest]),
  );
  return requests.map((request) => {
    return { ...request, digest: request.digest ?? found.get(request.fileName)! };
  });
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

/** Copies packages to a folder under their own names. @throws LarderError of the source; LDR_DISK* */
export async function layOutPackages(
  packages: readonly ResolvedPackage[],
  folder: string,
  source: PackageSource,
): Promise<void> {
  for (const { request: { fileName }, path } of await fetchAll(packages, source)) {
    const to = join(folder, fileName);
    try {
      await Deno.copyFile(path, to);
      if (Deno.build.os !== "windows") await Deno.chmod(to, 0o644);
    } catch (error) {
      throw diskError(error, "copy a package to", to);
    }
  }
}

async function fetchAll(
  requests: readonly PackageRequest[],
  source: PackageSource,
): Promise<readonly PackageResult[]> {
  if (requests.length === 0) return [];
  const { results, failures } = await source.fetch(requests);
  const [first] = failures;
  if (!first) return results;
  const { code, message, hint } = first.error;
  const more = failures.length > 1 ? `; ${plural(failures.length - 1, "package")} more failed` : "";
  throw new LarderError(code, message + more, { hint, cause: first.error });
}
