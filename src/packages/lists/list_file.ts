import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hasCode } from "../../base/errors.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import type { ListDocument } from "./documents.ts";
import { YamlReader } from "./yaml_reader.ts";

type Node = NonNullable<YamlReader["root"]>;

/** A package that a list names by its URL. */
export interface ListedPackage {
  readonly url: URL;
  readonly digest?: Digest | undefined;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly arch?: string | undefined;
  readonly source?: string | undefined;
}

interface ListedRepository {
  readonly arch?: string | undefined;
  /** Path of a file. */
  readonly keyring?: string | undefined;
  readonly packages: readonly string[];
}

/** A Debian repository that a list names. */
export interface ListedDebian extends ListedRepository {
  readonly kind: "deb";
  /** With a `/` at its end. */
  readonly url: URL;
  readonly suite: string;
  readonly components?: readonly string[] | undefined;
  readonly checksValidUntil: boolean;
}

/** An rpm repository that a list names. */
export interface ListedRpm extends ListedRepository {
  readonly kind: "rpm";
  /** With a `/` at its end. */
  readonly url: URL;
}

/** A YAML or JSON list of packages. */
export interface ListFile {
  readonly packages: readonly ListedPackage[];
  readonly repositories: readonly (ListedDebian | ListedRpm)[];
}

/**
 * Parses a YAML or JSON list. Relative paths and URLs are relative to the list.
 * @throws LarderError LDR_BAD_LIST, with the line
 */
export function parseListFile(
  { url, name, bytes }: Pick<ListDocument, "url" | "name" | "bytes">,
): ListFile {
  const reader = new YamlReader(new TextDecoder().decode(bytes), name);
  const parser = new ListParser(reader, url);
  const { node, values } = reader.map(reader.root, "the list", ["packages", "repositories"]);
  const items = (key: string) => values.has(key) ? reader.list(values.get(key), key) : [];
  const packages = items("packages").map((item) => parser.package(item));
  const repositories = items("repositories").map((item) => parser.repository(item));
  if (packages.length + repositories.length > 0) return { packages, repositories };
  throw reader.fault(
    node,
    "the list names no packages",
    "write the URLs of packages below packages:",
  );
}

const PACKAGE_KEYS = ["url", "digest", "name", "version", "arch", "source"];
const DEBIAN_KEYS = [
  "deb",
  "suite",
  "components",
  "arch",
  "keyring",
  "check_valid_until",
  "packages",
];
const RPM_KEYS = ["rpm", "arch", "keyring", "packages"];

class ListParser {
  readonly #reader: YamlReader;
  readonly #base: URL;

  constructor(reader: YamlReader, base: URL) {
    this.#reader = reader;
    this.#base = base;
  }

  package(item: Node): ListedPackage {
    const reader = this.#reader;
    if (reader.isText(item)) return { url: this.#url(item, "a package") };
    const map = reader.map(item, "a package", PACKAGE_KEYS);
    const { values } = map;
    const text = (key: string) => this.#text(values, key);
    return {
      url: this.#url(reader.required(map, "url", "a package"), "a package"),
      digest: values.has("digest") ? this.#digest(values.get("digest")!) : undefined,
      name: text("name"),
      version: text("version"),
      arch: text("arch"),
      source: text("source"),
    };
  }

  repository(item: Node): ListedDebian | ListedRpm {
    const reader = this.#reader;
    const keys = [...new Set([...DEBIAN_KEYS, ...RPM_KEYS])];
    const map = reader.map(item, "a repository", keys);
    const { node, values } = map;
    const kind = (["deb", "rpm"] as const).filter((key) => values.has(key));
    if (kind.length !== 1) {
      throw reader.fault(
        node,
        "a repository needs either deb or rpm",
        "write its URL after deb: or rpm:",
      );
    }
    const what = `a ${kind[0]} repository`;
    reader.map(item, what, kind[0] === "deb" ? DEBIAN_KEYS : RPM_KEYS);
    const shared = {
      url: withSlash(this.#url(values.get(kind[0]!)!, what)),
      arch: this.#text(values, "arch"),
      keyring: this.#keyring(values.get("keyring")),
      packages: this.#texts(reader.required(map, "packages", what), "packages"),
    };
    if (kind[0] === "rpm") return { kind: "rpm", ...shared };
    return {
      kind: "deb",
      ...shared,
      suite: reader.text(reader.required(map, "suite", what), "suite"),
      components: values.has("components")
        ? this.#texts(values.get("components"), "components")
        : undefined,
      checksValidUntil: values.has("check_valid_until")
        ? reader.flag(values.get("check_valid_until"), "check_valid_until")
        : true,
    };
  }

  #text(values: ReadonlyMap<string, Node>, key: string): string | undefined {
    return values.has(key) ? this.#reader.text(values.get(key), key) : undefined;
  }

  #texts(node: Node | undefined, what: string): string[] {
    return this.#reader.list(node, what).map((item) =>
      this.#reader.text(item, `an item of ${what}`)
    );
  }

  #digest(node: Node): Digest {
    try {
      return parseDigest(this.#reader.text(node, "digest"));
    } catch (error) {
      if (!hasCode(error, "LDR_BAD_REFERENCE")) throw error;
      throw this.#reader.fault(node, error.message, error.hint);
    }
  }

  /** A list on the disk may name files on the disk; one from a server may not, because it has no say over them. */
  #url(node: Node, what: string): URL {
    const text = this.#reader.text(node, what);
    const isLocal = this.#base.protocol === "file:";
    const url = isLocal && !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(text)
      ? pathToFileURL(resolve(dirname(fileURLToPath(this.#base)), text))
      : URL.parse(text, this.#base);
    const protocols = ["http:", "https:", ...isLocal ? ["file:"] : []];
    if (url && protocols.includes(url.protocol)) return url;
    throw this.#reader.fault(
      node,
      `${what}: ${JSON.stringify(text)} is not a URL that can be fetched`,
      "write a URL that begins with http:// or https://",
    );
  }

  #keyring(node: Node | undefined): string | undefined {
    if (!node) return undefined;
    const path = this.#reader.text(node, "keyring");
    if (this.#base.protocol === "file:") return resolve(dirname(fileURLToPath(this.#base)), path);
    if (isAbsolute(path)) return path;
    throw this.#reader.fault(
      node,
      `keyring: ${
        JSON.stringify(path)
      } is relative to a list on a server, which cannot vouch for itself`,
      "write the absolute path of a file of keys on this machine",
    );
  }
}

function withSlash(url: URL): URL {
  const folder = new URL(url);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}
