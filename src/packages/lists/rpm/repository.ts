import type { PackageRequest } from "../../package_request.ts";
import { decompress } from "../decompress.ts";
import { type Documents, nameOf } from "../documents.ts";
import { fileUrl } from "../file_path.ts";
import type { IndexPackage } from "../index_package.ts";
import type { ListDeps } from "../list_deps.ts";
import { requestFor } from "../package_requests.ts";
import { type Candidate, missingPackages, Selection } from "../selection.ts";
import { asOtherSnapshot, checkDetached, type SignedIndex, withSnapshot } from "../signed_index.ts";
import { RPM_NAMES } from "./names.ts";
import { type PrimaryEntry, readPrimary } from "./primary.ts";
import { parseRepomd } from "./repomd.ts";

/** An rpm repository, and the packages that are wanted of it. */
export interface RpmRepository {
  /** URL of the folder that contains `repodata`, with a `/` at its end. */
  readonly root: URL;
  readonly arch: string;
  readonly keyring?: string | undefined;
  /** Texts that select packages, see {@link RPM_NAMES}. */
  readonly wanted: readonly string[];
}

/**
 * Returns the packages that are wanted of a repository: `repomd.xml` vouches for `primary.xml`, and that for each
 * package.
 *
 * @throws LarderError LDR_UNVERIFIED, LDR_DIGEST_MISMATCH, LDR_BAD_INDEX, LDR_NOT_FOUND, and those of {@link Documents}
 */
export async function resolveRpm(
  repository: RpmRepository,
  documents: Documents,
  deps: ListDeps,
): Promise<PackageRequest[]> {
  const { root, keyring } = repository;
  const signatureUrl = new URL("repodata/repomd.xml.asc", root);
  return await withSnapshot(
    async () => {
      const repomd = await documents.read(new URL("repodata/repomd.xml", root));
      return await checkDetached(repomd, signatureUrl, keyring, documents, deps);
    },
    (signed) => selectFrom(signed, repository, documents),
    documents,
  );
}

async function selectFrom(
  signed: SignedIndex,
  { root, arch, wanted }: RpmRepository,
  documents: Documents,
): Promise<PackageRequest[]> {
  const { document } = signed;
  const primary = await parseRepomd(document.bytes, document.name);
  const url = fileUrl(root, primary.path, document.name);
  const name = nameOf(url);
  const read = async (visit: (entry: PrimaryEntry) => void) => {
    const chunks = await documents.open({ ...primary, urls: [url] }).catch((error) => {
      throw asOtherSnapshot(error, name, signed);
    });
    await readPrimary(decompress(chunks, name), name, visit);
  };
  const selection = new Selection<PrimaryEntry>(wanted, RPM_NAMES, [arch, "noarch"]);
  await read((entry) => selection.offer(entry));
  const { missing, chosen } = selection;
  if (missing.length > 0) {
    const available: Candidate[] = [];
    await read((entry) => void available.push(entry));
    throw missingPackages(missing, nameOf(root), available, RPM_NAMES);
  }
  return chosen.map((entry): IndexPackage => entry.parse())
    .map((found) => requestFor(found, root, name, document.digest));
}
