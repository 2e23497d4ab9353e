import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isScalar, type Node, type YAMLMap } from "yaml";
import { hasCode } from "../../base/errors.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import { type DocumentKind, type Members, YamlReader } from "../../base/documents/yaml_reader.ts";
import type { ListDocument } from "./documents.ts";

const KIND: DocumentKind = { code: "LDR_BAD_LIST", noun: "list", example: "packages: [URL]" };

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
  const yaml = new YamlReader(new TextDecoder().decode(bytes), name, KIND);
  const parser = new ListParser(yaml, url);
  const { root } = yaml;
  const list = yaml.members(root, ["packages", "repositories"], "the list");
  const packages = yaml.items(list.get("packages"), "packages")
    .map((item) => parser.package(item));
  const repositories = yaml.items(list.get("repositories"), "repositories")
    .map((item) => parser.repository(item));
  if (packages.length + repositories.length > 0) return { packages, repositories };
  throw yaml.fault(root, {
    reason: "the list names no packages",
    hint: "write the URLs of packages below packages:",
  });
}

const PACKAGE_KEYS = ["url", "digest", "name", "version", "arch", "source"];
const EXAMPLE = "url: http://mirror/hello_2.10-3_amd64.deb";
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

/** Reads the items of one list. */
class ListParser {
  readonly #yaml: YamlReader;
  readonly #base: URL;

  constructor(yaml: YamlReader, base: URL) {
    this.#yaml = yaml;
    this.#base = base;
  }

  package(item: Node): ListedPackage {
    if (isScalar(item)) return { url: this.#url(item, "a package") };
    const map = this.#yaml.map(item, "a package", EXAMPLE);
    const members = this.#yaml.members(map, PACKAGE_KEYS, "a package");
    const text = (key: string) => this.#text(members, key);
    const digest = members.get("digest");
    return {
      url: this.#url(this.#required(map, members, "url", EXAMPLE), "a package"),
      digest: digest && this.#digest(digest),
      name: text("name"),
      version: text("version"),
      arch: text("arch"),
      source: text("source"),
    };
  }

  repository(item: Node): ListedDebian | ListedRpm {
    const map = this.#yaml.map(item, "a repository", "rpm: http://mirror/repo/");
    const kinds = (["deb", "rpm"] as const).filter((key) => map.has(key));
    const [kind] = kinds;
    if (!kind || kinds.length > 1) {
      throw this.#yaml.fault(map, {
        reason: "a repository needs either deb or rpm",
        hint: "write its URL after deb: or rpm:",
      });
    }
    const what = `a ${kind} repository`;
    const members = this.#yaml.members(map, kind === "deb" ? DEBIAN_KEYS : RPM_KEYS, what);
    const required = (key: string, example: string) =>
      this.#required(map, members, key, `${key}: ${example}`);
    const shared = {
      url: withSlash(this.#url(required(kind, "http://mirror/repo/"), what)),
      arch: this.#text(members, "arch"),
      keyring: this.#keyring(members.get("keyring")),
      packages: this.#texts(required("packages", "[hello]"), "packages", "hello"),
    };
    if (kind === "rpm") return { kind, ...shared };
    required("suite", "trixie");
    const components = members.get("components");
    const isChecked = members.get("check_valid_until");
    return {
      kind,
      ...shared,
      suite: this.#text(members, "suite")!,
      components: components && this.#texts(components, "components", "main"),
      checksValidUntil: isChecked ? this.#yaml.flag(isChecked, "check_valid_until") : true,
    };
  }

  #required(map: YAMLMap, members: Members, key: string, example: string): Node {
    const node = members.get(key);
    if (node) return node;
    throw this.#yaml.missing(map, key, example);
  }

  #text(members: Members, key: string): string | undefined {
    const text = this.#yaml.textOf(members, key);
    if (text !== "") return text;
    throw this.#yaml.fault(members.get(key)!, {
      reason: `${key} is empty`,
      hint: `write a text after ${key}:, or leave it out`,
    });
  }

  #texts(node: Node, what: string, example: string): string[] {
    const texts = this.#yaml.texts(node, what, example);
    if (texts.length > 0) return texts;
    throw this.#yaml.fault(node, {
      reason: `${what} is empty`,
      hint: `write ${what}: [${example}]`,
    });
  }

  #digest(node: Node): Digest {
    try {
      return parseDigest(this.#yaml.text(node, "digest"));
    } catch (error) {
      if (!hasCode(error, "LDR_BAD_REFERENCE")) throw error;
      throw this.#yaml.fault(node, { reason: error.message, hint: error.hint });
    }
  }

  /** A list on the disk may name files on the disk; one from a server may not, because it has no say over them. */
  #url(node: Node, what: string): URL {
    const text = this.#yaml.text(node, what);
    const isLocal = this.#base.protocol === "file:";
    const url = isLocal && !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(text)
      ? pathToFileURL(resolve(dirname(fileURLToPath(this.#base)), text))
      : URL.parse(text, this.#base);
    const protocols = ["http:", "https:", ...isLocal ? ["file:"] : []];
    if (url && protocols.includes(url.protocol)) return url;
    throw this.#yaml.fault(node, {
      reason: `${what}: ${JSON.stringify(text)} is not a URL that can be fetched`,
      hint: "write a URL that begins with http:// or https://",
    });
  }

  #keyring(node: Node | undefined): string | undefined {
    if (!node) return undefined;
    const path = this.#yaml.text(node, "keyring");
    if (this.#base.protocol === "file:") return resolve(dirname(fileURLToPath(this.#base)), path);
    if (isAbsolute(path)) return path;
    const shown = JSON.stringify(path);
    throw this.#yaml.fault(node, {
      reason: `keyring: ${shown} is relative to a list on a server, which cannot vouch for itself`,
      hint: "write the absolute path of a file of keys on this machine",
    });
  }
}

function withSlash(url: URL): URL {
  const folder = new URL(url);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}
