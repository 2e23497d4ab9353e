import { asDigest, type Digest } from "../../../oci/digest.ts";
import { badIndex, unverified } from "../index_errors.ts";
import type { IndexPackage } from "../index_package.ts";
import { parseFields } from "./release.ts";

/** 1 MiB limit on the description of one package. */
const MAX_STANZA = 1024 * 1024;

/** A package of a `Packages` index. Only its name is parsed at once: an index has 60,000 packages, of which few are wanted. */
export interface Stanza {
  readonly name: string;
  parse(): IndexPackage;
}

/**
 * Yields the packages of a `Packages` index, chunk by chunk.
 *
 * @param index names it in messages
 * @throws LarderError LDR_BAD_INDEX
 */
export async function* readPackagesIndex(
  chunks: AsyncIterable<Uint8Array>,
  index: string,
): AsyncGenerator<Stanza[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf("\n\n");
    yield stanzasOf(text.slice(0, Math.max(0, end)), index);
    rest = end < 0 ? text : text.slice(end + 2);
    if (rest.length > MAX_STANZA) {
      throw badIndex(index, `the description of a package is longer than ${MAX_STANZA} bytes`);
    }
  }
  yield stanzasOf(rest + decoder.decode(), index);
}

function stanzasOf(text: string, index: string): Stanza[] {
  const stanzas: Stanza[] = [];
  for (const stanza of text.split("\n\n")) {
    if (stanza.trim() === "") continue;
    const name = /^Package:[ \t]*(\S+)/im.exec(stanza)?.[1];
    if (name === undefined) throw badIndex(index, "it describes a package without a name");
    stanzas.push({ name, parse: () => parseStanza(stanza, name, index) });
  }
  return stanzas;
}

function parseStanza(stanza: string, name: string, index: string): IndexPackage {
  const fields = parseFields(stanza);
  const field = (key: string): string => {
    const value = fields.get(key.toLowerCase());
    if (!value) throw badIndex(index, `${name} has no ${key}`);
    return value;
  };
  const size = field("Size");
  if (!/^\d{1,15}$/.test(size)) throw badIndex(index, `${name} has the Size ${size}`);
  return {
    name,
    version: field("Version"),
    arch: field("Architecture"),
    path: field("Filename"),
    size: Number(size),
    digest: digestIn(fields, name, index),
  };
}

function digestIn(fields: ReadonlyMap<string, string>, name: string, index: string): Digest {
  for (const algorithm of ["sha256", "sha512"]) {
    const hex = fields.get(algorithm);
    if (hex === undefined) continue;
    const digest = asDigest(`${algorithm}:${hex.toLowerCase()}`);
    if (!digest) throw badIndex(index, `${name} has the ${algorithm.toUpperCase()} ${hex}`);
    return digest;
  }
  throw unverified(
    index,
    `${name} has no SHA256 or SHA512 digest`,
    "ask the operator of the repository for SHA256 digests",
  );
}
