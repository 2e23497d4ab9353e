import * as v from "valibot";
import { type Document, isMap, isScalar, type Pair } from "yaml";
import { LarderError, messageOf } from "../../base/errors.ts";
import { manualPage } from "../help/manual.ts";
import { type Config, ConfigSchema } from "./schema.ts";
import { parseRegistry } from "../../oci/reference.ts";
import { keyOf, refusalOf, type Scalar, settingAt, suggest } from "./settings.ts";
import { parseYaml } from "../../base/documents/yaml_document.ts";

/** A value in a config file, as it is written. */
export interface WrittenValue {
  readonly value: Scalar;
  /** `path:line:column` of its key. */
  readonly location: string;
}

/** A valid config file. */
export interface ConfigFile {
  readonly config: Config;
  /** Returns the value at a path; undefined if there is none. */
  find(path: readonly string[]): WrittenValue | undefined;
  /** Returns the keys of a group. */
  names(path: readonly string[]): string[];
  readonly document: Document;
}

/**
 * Reads a config file. In a module of its own, because the YAML parser is loaded only if there is a file.
 * @throws LarderError LDR_CONFIG at `path:line:column`, with the nearest key for an unknown one
 */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const { document, placeOf, broken } = parseYaml(text, "transfers: 8");
  const at = (offset: number) => {
    const { line, col } = placeOf(offset);
    return `${path}:${line}:${col}`;
  };
  if (broken) throw bad(at(broken.offset), broken.reason, broken.hint);
  if (document.contents !== null && !isMap(document.contents)) {
    throw bad(at(0), "not a mapping of keys to values", "write KEY: VALUE, such as transfers: 8");
  }
  const content = toJs(document, (reason) => bad(path, reason));
  const result = v.safeParse(ConfigSchema, content);
  if (!result.success) throw schemaError(document, result.issues[0], at);
  return {
    config: result.output,
    document,
    find(path) {
      const value = path.reduce<unknown>(member, content);
      if (value === undefined || (typeof value === "object" && !Array.isArray(value))) {
        return undefined;
      }
      return {
        value: Array.isArray(value) ? value.join(", ") : value as Scalar,
        location: at(offsetOf(document.contents, path)),
      };
    },
    names: (path) => Object.keys(path.reduce<unknown>(member, content) ?? {}),
  };
}

function member(group: unknown, key: string): unknown {
  return (group as Record<string, unknown> | undefined)?.[key];
}

/** Returns the error for a value or key that the schema does not allow. */
function schemaError(
  document: Document,
  issue: v.InferIssue<typeof ConfigSchema>,
  at: (offset: number) => string,
): LarderError {
  // A list for a group is reported at its first item.
  const steps = (issue.path ?? []).filter(({ input }) => !Array.isArray(input));
  const keys = steps.map((step) => String((step as { key: unknown }).key));
  const location = at(offsetOf(document.contents, keys));
  const name = keyOf(keys);
  const isUnknown = issue.type === "strict_object" && issue.expected === "never";
  if (isUnknown && steps.length === issue.path?.length) {
    const near = suggest(keys);
    return bad(location, `unknown key "${name}"`, near && `did you mean ${near}?`);
  }
  const { message, hint } = refusal(keys, issue);
  return bad(location, `${name}: ${message}`, hint);
}

/** Says in larder's words why there can be no such key, or why it cannot have this value. */
function refusal(
  keys: readonly string[],
  issue: v.InferIssue<typeof ConfigSchema>,
): { message: string; hint: string | undefined } {
  const setting = settingAt(keys);
  if (setting) return refusalOf(setting, issue.input);
  if ((issue.path?.at(-1) as { origin?: string }).origin === "key") {
    try {
      parseRegistry(keys.at(-1)!);
    } catch (error) {
      if (error instanceof LarderError) return error;
      throw error;
    }
  }
  const isList = Array.isArray(issue.path?.at(-1)?.input) || Array.isArray(issue.input);
  return {
    message: `${isList ? "a list" : JSON.stringify(issue.input)} where its settings are expected`,
    hint: "write its settings below it as KEY: VALUE, each on a line that is indented further",
  };
}

/** @param errorOf returns the error for aliases that are unresolved, or expand too far */
function toJs(document: Document, errorOf: (reason: string) => Error): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw errorOf(messageOf(error));
  }
}

/** Returns the offset of the last key of a path. */
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

/** Returns a key as paths hold it. */
export function keyText({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key);
}

function bad(location: string, reason: string, hint?: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad config at ${location}: ${reason}`, {
    hint: hint ?? `larder config show lists all settings; see ${manualPage("configuration")}`,
  });
}
