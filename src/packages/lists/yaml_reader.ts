import { Alias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { LarderError, printable } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";

/** A mapping in a YAML document, with its values by key. */
export interface YamlMap {
  readonly node: Node;
  readonly values: ReadonlyMap<string, Node>;
}

/**
 * Reads a YAML or JSON document value by value. Each error says what is wrong at which line.
 * @throws LarderError LDR_BAD_LIST from every method
 */
export class YamlReader {
  readonly #name: string;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** @param name names the document in messages */
  constructor(text: string, name: string) {
    this.#name = name;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      logLevel: "error",
    });
    const [broken] = [...this.#document.errors, ...this.#document.warnings];
    if (broken) {
      throw this.#bad(
        broken.pos[0],
        `not valid YAML: ${printable(broken.message)}`,
        "write KEY: VALUE lines that are indented by spaces, and put texts with special characters in quotes",
      );
    }
  }

  /** The whole document. */
  get root(): Node | undefined {
    return this.#document.contents as Node | null ?? undefined;
  }

  /** Reads a mapping that has only these keys. @param what names it in messages */
  map(node: Node | undefined, what: string, keys: readonly string[]): YamlMap {
    const target = this.#resolve(node);
    if (!target || !isMap(target)) {
      throw this.fault(target, `${what} is not a mapping of keys to values`, keysHint(keys));
    }
    const values = new Map<string, Node>();
    for (const { key, value } of target.items) {
      const name = String(isScalar(key) ? key.value : key);
      if (!keys.includes(name)) {
        const near = nearest(name, keys);
        const hint = near === undefined ? keysHint(keys) : `did you mean ${near}?`;
        throw this.fault(key as Node, `${what} has the unknown key "${name}"`, hint);
      }
      if (value !== null) values.set(name, value as Node);
    }
    return { node: target, values };
  }

  /** Returns a value that a mapping must have. @param what names the mapping in messages */
  required({ node, values }: YamlMap, key: string, what: string): Node {
    const value = values.get(key);
    if (value) return value;
    throw this.fault(node, `${what} has no ${key}`, `write ${key}: and its value`);
  }

  /** Reads a list with at least one item. */
  list(node: Node | undefined, what: string): Node[] {
    const target = this.#resolve(node);
    if (target && isSeq(target) && target.items.length > 0) return target.items as Node[];
    throw this.fault(
      target,
      `${what} is not a list with an item`,
      "write each item after a - on a line",
    );
  }

  /** Reads a text; of a number, such as the version 1.10, as it is written. */
  text(node: Node | undefined, what: string): string {
    const target = this.#resolve(node);
    if (target && isScalar(target) && target.value !== null && typeof target.value !== "boolean") {
      const text = typeof target.value === "string" ? target.value : target.source ?? "";
      if (text !== "") return text;
    }
    throw this.fault(target, `${what} is not a text`, "write a text, in quotes if need be");
  }

  /** Reads true or false. */
  flag(node: Node | undefined, what: string): boolean {
    const target = this.#resolve(node);
    if (target && isScalar(target) && typeof target.value === "boolean") return target.value;
    throw this.fault(target, `${what} is not true or false`, "write true or false, without quotes");
  }

  /** True if a node is a single value, and not a mapping or a list. */
  isText(node: Node): boolean {
    return isScalar(this.#resolve(node));
  }

  /** Returns the error for what is wrong at a node. */
  fault(node: Node | undefined, reason: string, hint: string): LarderError {
    return this.#bad(node?.range?.[0] ?? 0, reason, hint);
  }

  #resolve(node: Node | undefined): Node | undefined {
    return node instanceof Alias ? node.resolve(this.#document) : node;
  }

  #bad(offset: number, reason: string, hint: string): LarderError {
    const { line, col } = this.#lines.linePos(offset);
    const place = `${this.#name}:${Math.max(1, line)}:${Math.max(1, col)}`;
    return new LarderError("LDR_BAD_LIST", `bad list at ${place}: ${reason}`, { hint });
  }
}

function keysHint(keys: readonly string[]): string {
  return `its keys are ${keys.join(", ")}`;
}
