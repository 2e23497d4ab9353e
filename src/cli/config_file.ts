import * as v from "valibot";
import { type Document, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { LarderError, messageOf } from "../base/errors.ts";

/**
 * Reads a config file against its schema. Apart, so that only who has a config file loads the YAML parser.
 * @throws LarderError LDR_CONFIG at `path:line:column`
 */
export function parseConfig<T extends v.GenericSchema>(
  schema: T,
  text: string,
  path: string,
): v.InferOutput<T> {
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

  const result = v.safeParse(schema, toJs(document, (reason) => bad(path, reason)));
  if (result.success) return result.output;
  const issue = result.issues[0];
  const keys = (issue.path ?? []).map((step) => String((step as { key: unknown }).key));
  const name = keys.join(".");
  const unknown = issue.type === "strict_object" && issue.expected === "never";
  throw bad(
    at(offsetOf(document.contents, keys)),
    unknown ? `unknown key "${name}"` : `${name}: ${issue.message}`,
  );
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
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (!pair || !isScalar(pair.key)) break;
    offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

function bad(place: string, reason: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad config at ${place}: ${reason}`, {
    hint: "the keys and their values are listed in docs/configuration.md",
  });
}
