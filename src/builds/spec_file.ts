import { basename, dirname, resolve } from "node:path";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { LarderError } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files.ts";
import { nearest } from "../base/nearest.ts";
import { formatBytes } from "../base/units.ts";
import { describeYamlError } from "../base/yaml_errors.ts";
import {
  type BuildSpec,
  type Fault,
  nameFault,
  outputFault,
  type PackageList,
  type SpecPackage,
  variableFault,
} from "./spec.ts";

/** 4 MiB limit on a spec: a resolved template of OS Image Composer has some 100 KiB. */
const MAX_SPEC = 4 * 1024 * 1024;

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
      hint: "name a YAML file, or write -i PATH -o OUT -- COMMAND",
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

/** Reads the nodes of one spec. */
class SpecReader {
  readonly #path: string;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string, path: string) {
    this.#path = path;
    const options = { lineCounter: this.#lines, prettyErrors: false, logLevel: "error" } as const;
    this.#document = parseDocument(text, options);
    const broken = this.#document.errors[0] ?? this.#document.warnings[0];
    if (broken) {
      const { reason, hint } = describeYamlError(broken, "name: hello-image");
      throw this.#badAt(broken.pos[0], { reason, hint });
    }
  }

  read(): BuildSpec {
    const root = this.#document.contents;
    if (!isMap(root)) {
      throw this.#badAt(0, {
        reason: "not a mapping of keys to values",
        hint: "write KEY: VALUE, such as name: hello-image",
      });
    }
    const spec = this.#members(root, KEYS, "the spec");
    const cache = this.#cacheSettings(spec.get("build"));
    return {
      name: this.#name(root, spec.get("name")),
      folder: dirname(resolve(this.#path)),
      inputs: this.#texts(spec.get("inputs"), "inputs", "rootfs/"),
      packages: this.#items(spec.get("packages"), "packages").map((node) => this.#package(node)),
      refs: this.#texts(spec.get("refs"), "refs", "docker.io/library/alpine:3"),
      env: this.#env(spec.get("env")),
      run: this.#command(root, spec.get("run")),
      output: this.#output(root, spec.get("output")),
      network: this.#switch(spec.get("network"), "network", false),
      usePackageCache: this.#switch(cache.get("use_package_cache"), "use_package_cache", true),
      useImageCache: this.#switch(cache.get("use_image_cache"), "use_image_cache", true),
      fault: (part, reason, hint) => this.#bad(this.#nodeAt(part), { reason, hint }),
    };
  }

  #name(root: YAMLMap, node: Node | undefined): string {
    // A spec file has a name of its own already.
    const name = node ? this.#text(node, "name") : basename(this.#path).replace(/\.[^.]*$/, "");
    const fault = nameFault(name);
    if (fault) throw this.#bad(node ?? root, fault);
    return name;
  }

  #output(root: YAMLMap, node: Node | undefined): string {
    if (!node) throw this.#missing(root, "output", "output: image.squashfs");
    const name = this.#text(node, "output");
    const fault = outputFault(name);
    if (fault) throw this.#bad(node, fault);
    return name;
  }

  #command(root: YAMLMap, node: Node | undefined): string[] {
    if (!node) throw this.#missing(root, "run", `run: ["sh", "compose.sh"]`);
    if (isScalar(node) && typeof node.value === "string") {
      throw this.#bad(node, {
        reason: "run is a text, but a list is expected",
        hint: `write the program and its arguments, such as ["sh", "-c", ${
          JSON.stringify(node.value.slice(0, 40))
        }]`,
      });
    }
    const command = this.#texts(node, "run", "sh");
    if (command.length === 0 || command[0] === "") {
      throw this.#bad(node, { reason: "run names no program", hint: `write ["sh", "compose.sh"]` });
    }
    return command;
  }

  #env(node: Node | undefined): Map<string, string> {
    const env = new Map<string, string>();
    if (!node) return env;
    const map = this.#map(node, "env", "FORMAT: squashfs");
    for (const { key, value } of map.items) {
      const name = this.#text(key as Node, "a name in env");
      if (!value) {
        const hint = `write ${name}: "" for an empty one`;
        throw this.#bad(key as Node, { reason: `env.${name} has no value`, hint });
      }
      const text = this.#text(value as Node, `env.${name}`, '""');
      const fault = variableFault(name, text);
      if (fault) throw this.#bad(key as Node, fault);
      env.set(name, text);
    }
    return env;
  }

  #package(node: Node): SpecPackage | PackageList {
    if (isScalar(node)) {
      return {
        url: this.#text(node, "a package"),
        digest: undefined,
        name: undefined,
        version: undefined,
        arch: undefined,
        source: undefined,
      };
    }
    const map = this.#map(node, "a package", "url: http://mirror/hello_2.10-3_amd64.deb");
    const isList = map.has("from");
    const what = isList ? "a list of packages" : "a package";
    const members = this.#members(map, isList ? LIST_KEYS : PACKAGE_KEYS, what);
    const text = (key: string) => {
      const member = members.get(key);
      return member && this.#text(member, key);
    };
    if (isList) {
      const from = text("from");
      if (from === undefined) throw this.#missing(map, "from", "from: packages.yaml");
      const names = this.#texts(members.get("names"), "names", "hello");
      return { from, names, keyring: text("keyring") };
    }
    const url = text("url");
    if (url === undefined) throw this.#missing(map, "url", "url: http://mirror/hello.deb");
    return {
      url,
      digest: text("digest"),
      name: text("name"),
      version: text("version"),
      arch: text("arch"),
      source: text("source"),
    };
  }

  #cacheSettings(node: Node | undefined): Map<string, Node> {
    if (!node) return new Map();
    const example = "cache: {use_image_cache: false}";
    const build = this.#members(this.#map(node, "build", example), ["cache"], "build");
    const cache = build.get("cache");
    if (!cache) return new Map();
    const map = this.#map(cache, "build.cache", "use_image_cache: false");
    return this.#members(map, ["use_package_cache", "use_image_cache"], "build.cache");
  }

  /** Returns the members of a mapping that has no other keys than these; a member without a value is left out. */
  #members(map: YAMLMap, keys: readonly string[], what: string): Map<string, Node> {
    const members = new Map<string, Node>();
    for (const { key, value } of map.items) {
      const name = this.#text(key as Node, `a key of ${what}`);
      if (!keys.includes(name)) {
        const near = nearest(name, keys);
        throw this.#bad(key as Node, {
          reason: `unknown key "${name}" in ${what}`,
          hint: near ? `did you mean ${near}?` : `the keys are ${keys.join(", ")}`,
        });
      }
      const node = this.#resolved(value as Node | null);
      if (node && !(isScalar(node) && node.value === null)) members.set(name, node);
    }
    return members;
  }

  #map(node: Node, what: string, example: string): YAMLMap {
    if (isMap(node)) return node;
    throw this.#bad(node, {
      reason: `${what} is ${kindOf(node)}, but a mapping is expected`,
      hint: `write KEY: VALUE, such as ${example}`,
    });
  }

  #items(node: Node | undefined, what: string): Node[] {
    if (!node) return [];
    if (!isSeq(node)) {
      throw this.#bad(node, {
        reason: `${what} is ${kindOf(node)}, but a list is expected`,
        hint: `write ${what}: [A, B], or one item on a line, each after "- "`,
      });
    }
    return (node as YAMLSeq<Node>).items.map((item) => this.#resolved(item) ?? item);
  }

  #texts(node: Node | undefined, what: string, example: string): string[] {
    return this.#items(node, what).map((item) => {
      const text = this.#text(item, `an item of ${what}`, example);
      if (text !== "" || what === "run") return text;
      throw this.#bad(item, { reason: `an item of ${what} is empty`, hint: `write ${example}` });
    });
  }

  /** Returns a scalar as it is written: `1.10` is not 1.1. */
  #text(node: Node, what: string, example?: string): string {
    const own = this.#resolved(node);
    if (isScalar(own) && own.value !== null) {
      const { value } = own;
      const text = typeof value === "string" ? value : own.source ?? String(value);
      if (text.isWellFormed() && !text.includes("\0")) return text;
    }
    const kind = isScalar(own) && own.value !== null ? "not a text" : kindOf(own);
    throw this.#bad(own ?? node, {
      reason: `${what} is ${kind}, but a text is expected`,
      hint: `write a text${example ? `, such as ${example}` : ""}`,
    });
  }

  #switch(node: Node | undefined, what: string, fallback: boolean): boolean {
    if (!node) return fallback;
    if (isScalar(node) && typeof node.value === "boolean") return node.value;
    throw this.#bad(node, {
      reason: `${what} is neither true nor false`,
      hint: "write true or false without quotes",
    });
  }

  #resolved(node: Node | null | undefined): Node | undefined {
    if (!isAlias(node)) return node ?? undefined;
    return node.resolve(this.#document) as Node | undefined;
  }

  /** Returns the node of a part of the spec, or the nearest one above it. */
  #nodeAt(part: readonly (string | number)[]): Node {
    const { contents } = this.#document;
    for (let length = part.length; length > 0; length--) {
      const node = this.#document.getIn(part.slice(0, length), true);
      const own = this.#resolved(node as Node | undefined);
      if (own?.range) return own;
    }
    return contents!;
  }

  #missing(node: Node, key: string, example: string): LarderError {
    return this.#bad(node, { reason: `${key} is missing`, hint: `write ${example}` });
  }

  #bad(node: Node, fault: Fault): LarderError {
    return this.#badAt(node.range?.[0] ?? 0, fault);
  }

  #badAt(offset: number, { reason, hint }: Fault): LarderError {
    const { line, col } = this.#lines.linePos(offset);
    return badSpec(`bad spec at ${this.#path}:${line}:${col}: ${reason}`, { hint });
  }
}

function badSpec(message: string, options: { hint: string }): LarderError {
  return new LarderError("LDR_BAD_SPEC", message, options);
}

function kindOf(node: unknown): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  return isScalar(node) && node.value !== null ? "a text or number" : "empty";
}
