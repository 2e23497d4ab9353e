import { asDigest, type Digest } from "../../../oci/digest.ts";
import { badIndex, unverified } from "../index_errors.ts";

/** A file that `Release` vouches for. */
export interface ReleaseFile {
  /** Path below the folder of `Release`. */
  readonly path: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** The fields of `Release` that decide which indexes are read. Source: Debian wiki, "DebianRepository/Format". */
export interface Release {
  readonly suite: string | undefined;
  readonly codename: string | undefined;
  readonly components: readonly string[];
  readonly architectures: readonly string[];
  /** Milliseconds since the epoch after which it must not be used; undefined if it does not expire. */
  readonly validUntil: number | undefined;
  /** True if files can be fetched by their digest, also while the mirror is updated. */
  readonly hasByHash: boolean;
  /** True if the indexes of the other architectures list the packages of the architecture `all` too. */
  readonly hasAllEverywhere: boolean;
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

/** Fields with digests that are strong enough, the preferred one first. */
const DIGEST_FIELDS = [["sha256", "SHA256"], ["sha512", "SHA512"]] as const;

/** Parses the text of `Release`. @param index names it in messages @throws LarderError LDR_BAD_INDEX, LDR_UNVERIFIED */
export function parseRelease(text: string, index: string): Release {
  const fields = parseFields(text);
  const words = (name: string) =>
    fields.get(name.toLowerCase())?.split(/\s+/).filter(Boolean) ?? [];
  const architectures = words("Architectures");
  return {
    suite: fields.get("suite"),
    codename: fields.get("codename"),
    components: words("Components"),
    architectures,
    validUntil: parseTime(fields.get("valid-until"), index),
    hasByHash: fields.get("acquire-by-hash") === "yes",
    hasAllEverywhere: !architectures.includes("all") ||
      words("No-Support-for-Architecture-all").includes("Packages"),
    files: parseFiles(fields, index),
  };
}

/** Returns the fields by their name in lower case; the lines of one are joined by line breaks. */
export function parseFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of text.split(/\r?\n/)) {
    if (/^[ \t]/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ""}\n${line.trim()}`.trimStart());
      continue;
    }
    const [, name, value = ""] = /^([!-9;-~]+):(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    last = name.toLowerCase();
    fields.set(last, value.trim());
  }
  return fields;
}

function parseTime(text: string | undefined, index: string): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw badIndex(index, `Valid-Until: ${text} is not a date`);
  return time;
}

function parseFiles(fields: ReadonlyMap<string, string>, index: string): Map<string, ReleaseFile> {
  const files = new Map<string, ReleaseFile>();
  for (const [algorithm, field] of DIGEST_FIELDS) {
    for (const line of fields.get(algorithm)?.split("\n") ?? []) {
      if (line === "") continue;
      const [, hex = "", size, path = ""] = /^(\S+)\s+(\d+)\s+(\S+)$/.exec(line) ?? [];
      const digest = asDigest(`${algorithm}:${hex.toLowerCase()}`);
      if (!digest) throw badIndex(index, `${field} has the line ${JSON.stringify(line)}`);
      if (!files.has(path)) files.set(path, { path, digest, size: Number(size) });
    }
  }
  if (files.size > 0) return files;
  const weak = fields.has("md5sum") || fields.has("sha1");
  throw unverified(
    index,
    weak ? "it has only MD5 or SHA1 digests, which can be forged" : "it has no digests",
    "ask the operator of the repository for SHA256 digests",
  );
}
