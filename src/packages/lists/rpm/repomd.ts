import { asDigest, type Digest } from "../../../oci/digest.ts";
import { badIndex, unverified } from "../index_errors.ts";
import { parseXml } from "./xml.ts";

/** The index of the packages of an rpm repository, which `repomd.xml` names. */
export interface PrimaryIndex {
  /** Path below the root of the repository. */
  readonly path: string;
  readonly digest: Digest;
  /** Bytes, if `repomd.xml` states them. */
  readonly size: number | undefined;
}

/** Returns where the primary index of a repository is. @param index names `repomd.xml` in messages */
export async function parseRepomd(bytes: Uint8Array, index: string): Promise<PrimaryIndex> {
  let isPrimary = false;
  let path: string | undefined;
  let size: number | undefined;
  let type = "";
  let checksum: string | undefined;
  await parseXml([bytes], index, {
    open(name, attributes) {
      if (name === "data") isPrimary = attributes.type === "primary";
      if (!isPrimary) return;
      if (name === "location") path = attributes.href;
      if (name === "checksum") type = attributes.type ?? "";
    },
    close(name, text) {
      if (isPrimary && name === "checksum") checksum = text.trim();
      if (isPrimary && name === "size" && /^\d{1,15}$/.test(text.trim())) size = Number(text);
      if (name === "data") isPrimary = false;
    },
  });
  if (path === undefined || checksum === undefined) {
    throw badIndex(index, "it does not name a primary index with its checksum");
  }
  return { path, size, digest: rpmDigest(type, checksum, index) };
}

/** @param index names the file that states the checksum, in messages */
export function rpmDigest(type: string, checksum: string, index: string): Digest {
  if (type !== "sha256" && type !== "sha512") {
    throw unverified(
      index,
      `it has only digests of the type ${
        JSON.stringify(type)
      }, and only sha256 and sha512 are safe`,
      "ask the operator of the repository for sha256 checksums",
    );
  }
  const digest = asDigest(`${type}:${checksum.toLowerCase()}`);
  if (!digest) throw badIndex(index, `${JSON.stringify(checksum)} is not a ${type} checksum`);
  return digest;
}
