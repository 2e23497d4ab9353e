import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { type ErrorCode, LarderError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { parseYaml, type YamlDocument, type YamlFault } from "./yaml_document.ts";

/** The kind of a document, for its errors. */
export interface DocumentKind {
  readonly code: ErrorCode;
  /** Such as `spec`, in `bad spec at image.yaml:3:1`. */
  readonly noun: string;
  /** A valid line of such a document. */
  readonly example: string;
}

/** The values of a mapping by key, without those that are null. */
export type Members = ReadonlyMap<string, Node>;

/**
 * Reads a YAML or JSON document value by value. Every error says what is wrong at which line, and what to write.
 * @throws LarderError of the kind's code from every method
 */
export class YamlReader {
  readonly #yaml: YamlDocument;
  readonly #text: string;
  readonly #path: string;
  readonly #kind: DocumentKind;

  /** @param path of the document, for messages */
  constructor(text: string, path: string, kind: DocumentKind) {
    this.#text = text;
    this.#path = path;
    this.#kind = kind;
    this.#yaml = parseYaml(text, kind.example);
    const { broken } = this.#yaml;
    if (broken) throw this.#faultAt(broken.offset, broken);
  }

  /** The mapping that is the whole document. */
  get root(): YAMLMap {
    const { contents } = this.#yaml.document;
    if (isMap(contents)) return contents;
    throw this.#faultAt(0, {
      reason: "not a mapping of keys to values",
      hint: `write KEY: VALUE, such as ${this.#kind.example}`,
    });
  }

  /** Reads the members of a mapping that has no other keys than these. @param what names it in messages */
  members(map: YAMLMap, keys: readonly string[], what: string): Members {
    const members = new Map<string, Node>();
    for (const { key, value } of map.items) {
      const name = this.text(key as Node, `a key of ${what}`);
      if (!keys.includes(name)) {
        const near = nearest(name, keys);
        throw this.fault(key as Node, {
          reason: `unknown key "${name}" in ${what}`,
          hint: near ? `did you mean ${near}?` : `the keys are ${keys.join(", ")}`,
        });
      }
      const node = this.#resolved(value as Node | null);
      if (node && !(isScalar(node) && node.value === null)) members.set(name, node);
    }
    return members;
  }

  /** Reads a mapping. @param what names it in messages */
  map(node: Node, what: string, example: string): YAMLMap {
    const own = this.#resolved(node);
    if (isMap(own)) return own;
    throw this.fault(node, {
      reason: `${what} is ${kindOf(own)}, but a mapping is expected`,
      hint: `write KEY: VALUE, such as ${example}`,
    });
  }

  /** Reads the items of a list; none for a member that is not there. */
  items(node: Node | undefined, what: string): Node[] {
    if (!node) return [];
    if (!isSeq(node)) {
      throw this.fault(node, {
        reason: `${what} is ${kindOf(node)}, but a list is expected`,
        hint: `write ${what}: [A, B], or one item on a line, each after "- "`,
      });
    }
    return (node as YAMLSeq<Node>).items.map((item) => this.#resolved(item) ?? item);
  }

  /** Reads a list of texts, none of which is empty. */
  texts(node: Node | undefined, what: string, example: string): string[] {
    return this.items(node, what).map((item) => {
      const text = this.text(item, `an item of ${what}`, example);
      if (text !== "") return text;
      throw this.fault(item, { reason: `an item of ${what} is empty`, hint: `write ${example}` });
    });
  }

  /** Reads a single value as it is written: `1.10` is not 1.1. */
  text(node: Node, what: string, example?: string): string {
    const own = this.#resolved(node);
    if (isScalar(own) && own.value !== null) {
      this.#rejectSwallowedItem(own);
      const { value } = own;
      const text = typeof value === "string" ? value : own.source ?? String(value);
      if (text.isWellFormed() && !text.includes("\0")) return text;
    }
    const kind = isScalar(own) && own.value !== null ? "not a text" : kindOf(own);
    throw this.fault(own ?? node, {
      reason: `${what} is ${kind}, but a text is expected`,
      hint: `write a text${example ? `, such as ${example}` : ""}`,
    });
  }

  /** Reads the text of a member; undefined if there is none. */
  textOf(members: Members, key: string): string | undefined {
    const node = members.get(key);
    return node && this.text(node, key);
  }

  /** Reads true or false. */
  flag(node: Node, what: string): boolean {
    if (isScalar(node) && typeof node.value === "boolean") return node.value;
    throw this.fault(node, {
      reason: `${what} is neither true nor false`,
      hint: "write true or false without quotes",
    });
  }

  /** Returns the node at a path, or the nearest one above it. */
  nodeAt(path: readonly (string | number)[]): Node {
    const { document } = this.#yaml;
    for (let length = path.length; length > 0; length--) {
      const own = this.#resolved(document.getIn(path.slice(0, length), true) as Node | undefined);
      if (own?.range) return own;
    }
    return this.root;
  }

  /** Returns the error for a key that a mapping must have. */
  missing(map: YAMLMap, key: string, example: string): LarderError {
    return this.fault(map, { reason: `${key} is missing`, hint: `write ${example}` });
  }

  /** Returns the error for what is wrong at a node. */
  fault(node: Node, fault: YamlFault): LarderError {
    return this.#faultAt(node.range?.[0] ?? 0, fault);
  }

  /** An item that is indented more than the first one is, for YAML, a part of the text above it: `a - b`. */
  #rejectSwallowedItem({ type, range }: Scalar): void {
    if (type !== "PLAIN" || !range) return;
    const [start, end] = range;
    const at = this.#text.slice(start, end).search(/(?<=\n[ \t]*)- /);
    if (at < 0) return;
    throw this.#faultAt(start + at, {
      reason: "the item belongs to the text above it, because it is indented more",
      hint: 'indent each "- " as the first one of the list',
    });
  }

  #faultAt(offset: number, { reason, hint }: YamlFault): LarderError {
    const { code, noun } = this.#kind;
    const { line, col } = this.#yaml.placeOf(offset);
    return new LarderError(code, `bad ${noun} at ${this.#path}:${line}:${col}: ${reason}`, {
      hint,
    });
  }

  #resolved(node: Node | null | undefined): Node | undefined {
    if (!isAlias(node)) return node ?? undefined;
    return node.resolve(this.#yaml.document) as Node | undefined;
  }
}

function kindOf(node: unknown): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  return isScalar(node) && node.value !== null ? "a text or number" : "empty";
}
