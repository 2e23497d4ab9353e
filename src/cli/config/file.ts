import * as v from "valibot";
import { type Document, isMap, isScalar, LineCounter, type Pair, parseDocument } from "yaml";
import { LarderError, messageOf } from "../../base/errors.ts";
import { manualPage } from "../manual.ts";
import { type Config, ConfigSchema } from "./schema.ts";
import { type Scalar, suggest } from "./settings.ts";

/** A value in a config file, as it is written there. */
export interface WrittenValue {
  readonly value: Scalar;
  /** `path:line:column` of its key. */
  readonly place: string;
}

/** A config file that fits the schema. */
export interface ConfigFile {
  readonly config: Config;
  /** What stands at a path, if anything does. */
  find(path: readonly string[]): WrittenValue | undefined;
  /** The names in a group. */
  names(path: readonly string[]): string[];
  readonly document: Document;
}

/**
 * Reads a config file. Apart, so that only who has one loads the YAML parser.
 * @throws LarderError LDR_CONFIG at `path:line:column`, with the nearest key for one that is unknown
 */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken) throw bad(at(broken.pos[0]), broken.message);
  if (document.contents !== null && !isMap(document.contents)) {
    throw bad(at(0), "it is not a list of keys and values");
  }
  const content = toJs(document, (reason) => bad(path, reason));
  const result = v.safeParse(ConfigSchema, content);
  if (!result.success) throw misfit(document, result.issues[0], at);
  return {
    config: result.output,
    document,
    find(path) {
      const value = path.reduce<unknown>(member, content);
      if (value === undefined || typeof value === "object") return undefined;
      return { value: value as Scalar, place: at(offsetOf(document.contents, path)) };
    },
    names: (path) => Object.keys(path.reduce<unknown>(member, content) ?? {}),
  };
}

function member(group: unknown, key: string): unknown {
  return (group as Record<string, unknown> | undefined)?.[key];
}

/** The error for what does not fit the schema. */
function misfit(
  document: Document,
  issue: v.InferIssue<typeof ConfigSchema>,
  at: (offset: number) => string,
): LarderError {
  const keys = (issue.path ?? []).map((step) => String((step as { key: unknown }).key));
  const place = at(offsetOf(document.contents, keys));
  const name = keys.join(".");
  if (issue.type !== "strict_object" || issue.expected !== "never") {
    return bad(place, `${name}: ${issue.message}`);
  }
  const meant = suggest(keys);
  return bad(place, `unknown key "${name}"`, meant && `did you mean ${meant}?`);
}

/** @param refuse makes the error for aliases that lead nowhere, or to more and more of the same */
function toJs(document: Document, refuse: (reason: string) => Error): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw refuse(messageOf(error));
  }
}

/** Where the last key of a path stands in the file. */
function offsetOf(node: unknown, keys: readonly string[]): number {
  let offset = 0;
  for (const key of keys) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && keyText(item) === key);
    if (!pair || !isScalar(pair.key)) break;
    offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

/** A key as it is in a path. */
export function keyText({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key);
}

function bad(place: string, reason: string, hint?: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad config at ${place}: ${reason}`, {
    hint: hint ?? `the keys and their values: ${manualPage("configuration")}`,
  });
}
