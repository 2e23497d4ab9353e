import { badIndex } from "../index_errors.ts";
import type { IndexPackage } from "../index_package.ts";
import { rpmDigest } from "./repomd.ts";
import { formatRpmVersion } from "./version.ts";
import { parseXml } from "./xml.ts";

/** A package of a primary index, before its fields are checked. */
export interface PrimaryEntry {
  readonly name: string;
  readonly arch: string;
  readonly version: string;
  parse(): IndexPackage;
}

type Fields = Record<
  | "name"
  | "arch"
  | "epoch"
  | "version"
  | "release"
  | "path"
  | "size"
  | "type"
  | "checksum"
  | "base",
  string
>;

/**
 * Passes each package of a primary index to `visit`.
 *
 * @param index names it in messages
 * @throws LarderError LDR_BAD_INDEX
 */
export async function readPrimary(
  chunks: AsyncIterable<Uint8Array>,
  index: string,
  visit: (entry: PrimaryEntry) => void,
): Promise<void> {
  let fields: Partial<Fields> | undefined;
  let depth = 0;
  await parseXml(chunks, index, {
    open(name, attributes) {
      depth++;
      if (depth === 2 && name === "package") fields = {};
      if (fields && depth === 3) Object.assign(fields, fieldsOf(name, attributes));
    },
    close(name, text) {
      if (fields && depth === 3 && (name === "name" || name === "arch" || name === "checksum")) {
        fields[name] = text.trim();
      }
      if (fields && depth === 2) {
        visit(entryOf(fields, index));
        fields = undefined;
      }
      depth--;
    },
  });
}

function fieldsOf(name: string, attributes: Readonly<Record<string, string>>): Partial<Fields> {
  switch (name) {
    case "version":
      return {
        epoch: attributes.epoch ?? "0",
        version: attributes.ver ?? "",
        release: attributes.rel ?? "",
      };
    case "checksum":
      return { type: attributes.type ?? "" };
    case "size":
      return { size: attributes.package ?? "" };
    case "location":
      return {
        path: attributes.href ?? "",
        ...attributes["xml:base"] !== undefined && { base: attributes["xml:base"] },
      };
    default:
      return {};
  }
}

function entryOf(fields: Partial<Fields>, index: string): PrimaryEntry {
  const { name, arch, epoch, version, release } = fields;
  if (!name || !arch || epoch === undefined || !version || !release) {
    throw badIndex(index, "it describes a package without a name, a version or an architecture");
  }
  const full = formatRpmVersion({ epoch, version, release });
  return {
    name,
    arch,
    version: full,
    parse: () => ({ name, arch, version: full, ...fileOf(fields, name, index) }),
  };
}

function fileOf(
  { path, base, size = "", type = "", checksum = "" }: Partial<Fields>,
  name: string,
  index: string,
): Pick<IndexPackage, "path" | "size" | "digest"> {
  if (!path) throw badIndex(index, `${name} has no location`);
  if (base !== undefined) {
    throw badIndex(index, `${name} is at ${JSON.stringify(base)}, which is another repository`);
  }
  if (!/^\d{1,15}$/.test(size)) {
    throw badIndex(index, `${name} has the size ${JSON.stringify(size)}`);
  }
  return { path, size: Number(size), digest: rpmDigest(type, checksum, index) };
}
