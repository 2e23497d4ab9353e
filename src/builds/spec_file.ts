import { basename, dirname, resolve } from "node:path";
import { isScalar, type Node, type YAMLMap } from "yaml";
import { LarderError } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files/files.ts";
import { formatBytes } from "../base/units.ts";
import { type DocumentKind, type Members, YamlReader } from "../base/documents/yaml_reader.ts";
import {
  type BuildSpec,
  nameFault,
  outputFault,
  type PackageList,
  type SpecPackage,
  variableFault,
} from "./spec.ts";

/** 4 MiB limit on a spec: a resolved template of OS Image Composer has some 100 KiB. */
const MAX_SPEC = 4 * 1024 * 1024;

const KIND: DocumentKind = { code: "LDR_BAD_SPEC", noun: "spec", example: "name: hello-image" };

const KEYS = ["name", "inputs", "packages", "refs", "env", "run", "output", "network", "build"];
const PACKAGE_KEYS = ["url", "digest", "name", "version", "arch", "source"];
const LIST_KEYS = ["from", "names", "keyring"];

/**
 * Reads the spec of a build from a YAML or JSON file.
 * @throws LarderError LDR_BAD_SPEC at `path:line:column`; LDR_DISK*
 */
export function readSpecFile(path: string): BuildSpec {
  const bytes = readBytesIfAny(path, MAX_SPEC);
  if (!bytes) {
    throw badSpec(`cannot read the spec ${path}: ${whyUnread(path)}`, {
      hint: "name a YAML file that says what to build",
    });
  }
  return parseSpec(decode(bytes, path), path);
}

/** Parses the text of a spec. @throws LarderError LDR_BAD_SPEC */
export function parseSpec(text: string, path: string): BuildSpec {
  return new SpecReader(text, path).read();
}

function whyUnread(path: string): string {
  try {
    const { isDirectory } = Deno.statSync(path);
    return isDirectory ? "it is a folder" : `it has more than ${formatBytes(MAX_SPEC)}`;
  } catch {
    return "there is no such file";
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badSpec(`bad spec ${path}: it is not text in UTF-8`, { hint: "save it as UTF-8" });
  }
}

/** Reads the values of one spec. */
class SpecReader {
  readonly #path: string;
  readonly #yaml: YamlReader;

  constructor(text: string, path: string) {
    this.#path = path;
    this.#yaml = new YamlReader(text, path, KIND);
  }

  read(): BuildSpec {
    const yaml = this.#yaml;
    const { root } = yaml;
    if (root.has("repositories")) throw this.#isList(root);
    const spec = yaml.members(root, KEYS, "the spec");
    const cache = this.#cacheSettings(spec.get("build"));
    return {
      name: this.#name(root, spec.get("name")),
      folder: dirname(resolve(this.#path)),
      inputs: yaml.texts(spec.get("inputs"), "inputs", "rootfs/"),
      packages: yaml.items(spec.get("packages"), "packages").map((node) => this.#package(node)),
      refs: yaml.texts(spec.get("refs"), "refs", "docker.io/library/alpine:3"),
      env: this.#env(spec.get("env")),
      run: this.#command(root, spec.get("run")),
      output: this.#output(root, spec.get("output")),
      network: this.#switch(spec, "network", false),
      usePackageCache: this.#switch(cache, "use_package_cache", true),
      useImageCache: this.#switch(cache, "use_image_cache", true),
      fault: (part, reason, hint) => yaml.fault(yaml.nodeAt(part), { reason, hint }),
    };
  }

  /** A list of packages is also YAML, and is given by mistake. */
  #isList(root: YAMLMap): LarderError {
    return this.#yaml.fault(root, {
      reason: "this is a list of packages, not a spec",
      hint: `name it with --from, or in a spec: packages: [{from: ${basename(this.#path)}}]`,
    });
  }

  #name(root: YAMLMap, node: Node | undefined): string {
    // A spec file has a name of its own already.
    const name = node
      ? this.#yaml.text(node, "name")
      : basename(this.#path).replace(/\.[^.]*$/, "");
    const fault = nameFault(name);
    if (!fault) return name;
    if (node) throw this.#yaml.fault(node, fault);
    const hint = "give the build another name than the file has: name: my-image";
    throw this.#yaml.fault(root, { ...fault, hint });
  }

  #output(root: YAMLMap, node: Node | undefined): string {
    if (!node) throw this.#yaml.missing(root, "output", "output: image.squashfs");
    const name = this.#yaml.text(node, "output");
    const fault = outputFault(name);
    if (fault) throw this.#yaml.fault(node, fault);
    return name;
  }

  #command(root: YAMLMap, node: Node | undefined): string[] {
    if (!node) throw this.#yaml.missing(root, "run", `run: ["sh", "compose.sh"]`);
    if (isScalar(node) && typeof node.value === "string") {
      throw this.#yaml.fault(node, {
        reason: "run is a text, but a list is expected",
        hint: `write the program and its arguments, such as ["sh", "-c", ${
          JSON.stringify(node.value.slice(0, 40))
        }]`,
      });
    }
    const command = this.#yaml.items(node, "run")
      .map((item) => this.#yaml.text(item, "an item of run", "sh"));
    if (command.length === 0 || command[0] === "") {
      throw this.#yaml.fault(node, {
        reason: "run names no program",
        hint: `write ["sh", "compose.sh"]`,
      });
    }
    return command;
  }

  #env(node: Node | undefined): Map<string, string> {
    const env = new Map<string, string>();
    if (!node) return env;
    const map = this.#yaml.map(node, "env", "FORMAT: squashfs");
    for (const { key, value } of map.items) {
      const name = this.#yaml.text(key as Node, "a name in env");
      if (!value) {
        const hint = `write ${name}: "" for an empty one`;
        throw this.#yaml.fault(key as Node, { reason: `env.${name} has no value`, hint });
      }
      const text = this.#yaml.text(value as Node, `env.${name}`, '""');
      const fault = variableFault(name, text);
      if (fault) throw this.#yaml.fault(key as Node, fault);
      env.set(name, text);
    }
    return env;
  }

  #package(node: Node): SpecPackage | PackageList {
    if (isScalar(node)) {
      return { url: this.#yaml.text(node, "a package") };
    }
    const map = this.#yaml.map(node, "a package", "url: http://mirror/hello_2.10-3_amd64.deb");
    const isList = map.has("from");
    const what = isList ? "a list of packages" : "a package";
    const members = this.#yaml.members(map, isList ? LIST_KEYS : PACKAGE_KEYS, what);
    const text = (key: string) => this.#yaml.textOf(members, key);
    if (isList) {
      const from = text("from");
      if (from === undefined) throw this.#yaml.missing(map, "from", "from: packages.yaml");
      const names = this.#yaml.texts(members.get("names"), "names", "hello");
      return { from, names, keyring: text("keyring") };
    }
    const url = text("url");
    if (url === undefined) throw this.#yaml.missing(map, "url", "url: http://mirror/hello.deb");
    return {
      url,
      digest: text("digest"),
      name: text("name"),
      version: text("version"),
      arch: text("arch"),
      source: text("source"),
    };
  }

  #cacheSettings(node: Node | undefined): Members {
    if (!node) return new Map();
    const example = "cache: {use_image_cache: false}";
    const build = this.#yaml.members(this.#yaml.map(node, "build", example), ["cache"], "build");
    const cache = build.get("cache");
    if (!cache) return new Map();
    const map = this.#yaml.map(cache, "build.cache", "use_image_cache: false");
    return this.#yaml.members(map, ["use_package_cache", "use_image_cache"], "build.cache");
  }

  #switch(members: Members, key: string, fallback: boolean): boolean {
    const node = members.get(key);
    return node ? this.#yaml.flag(node, key) : fallback;
  }
}

function badSpec(message: string, options: { hint: string }): LarderError {
  return new LarderError("LDR_BAD_SPEC", message, options);
}
