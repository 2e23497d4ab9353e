import * as v from "valibot";
import { excerpt, type LarderError } from "../errors.ts";

/** What larder calls the types of a document. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  Array: "a list",
  Object: "an object",
  boolean: "true or false",
  number: "a number",
  string: "a text",
};

/**
 * Returns what a schema makes of a document, or of a part of one.
 * @param bad makes the error of what {@link schemaFault} says
 * @param location path of the part in the document
 */
export function checkSchema<T extends v.GenericSchema>(
  schema: T,
  document: unknown,
  bad: (fault: string) => LarderError,
  location?: string,
): v.InferOutput<T> {
  const result = v.safeParse(schema, document, { abortEarly: true });
  if (result.success) return result.output;
  throw bad(schemaFault(result.issues[0], location));
}

/**
 * Says what of a document a schema refuses, such as `layers.0.size is missing`, without the words of the validator. A
 * check that has a message of its own keeps it.
 *
 * @param location path of what was validated in the whole document
 */
export function schemaFault(issue: v.BaseIssue<unknown>, location = ""): string {
  const path = [location, v.getDotPath(issue)].filter((name) => name).join(".") || "the document";
  const { expected, kind, message, received, type } = issue;
  if (!message.startsWith("Invalid ")) return `${path}: ${message}`;
  if (expected === "never") return `${path} is unknown`;
  if (received === "undefined") return `${path} is missing`;
  if (type === "non_empty") return `${path} is empty`;
  return kind === "schema" && expected !== null && expected !== "unknown"
    ? `${path} is ${typeText(received)}, not ${typeText(expected)}`
    : `${path} is ${typeText(received)}, which is not valid`;
}

/** Names a type, several as `(string | number)`, or a value as JSON has it. */
function typeText(types: string): string {
  if (types.startsWith('"')) return excerpt(types);
  return types.replace(/^\(|\)$/g, "").split(" | ").map((type) => TYPE_NAMES[type] ?? type)
    .join(" or ");
}
