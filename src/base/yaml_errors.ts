import type { YAMLError } from "yaml";
import { printable } from "./errors.ts";

/** The faults that are likely in a YAML file of a user, in larder's words; all others are quoted from the parser. */
const FAULTS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  BAD_INDENT: [
    "the indentation does not match the lines above",
    "indent what belongs to a key by two spaces more than the key",
  ],
  BLOCK_AS_IMPLICIT_KEY: [
    "a second KEY: VALUE on one line",
    "write one KEY: VALUE on a line, and a value with a colon in quotes",
  ],
  DUPLICATE_KEY: ["the key occurs twice", "remove one of them"],
  MISSING_CHAR: [
    "a quote, a bracket or the colon after a key is missing",
    "write KEY: VALUE, and close what was opened",
  ],
  MULTILINE_IMPLICIT_KEY: ["a line without KEY: VALUE", "write KEY: VALUE, such as EXAMPLE"],
  MULTIPLE_DOCS: ["there are multiple documents", "leave out the second ---"],
  TAB_AS_INDENT: ["a tab indents the line", "indent with spaces"],
  TAG_RESOLVE_FAILED: ["an unknown tag", "leave out the word that begins with !"],
};

/** @param example a valid line of such a file */
export function describeYamlError(
  { code, message }: YAMLError,
  example: string,
): { reason: string; hint: string } {
  // The parser reports a bracket that is not closed as wrong indentation of what follows.
  const known = FAULTS[/end with a [}\]]/.test(message) ? "MISSING_CHAR" : code];
  if (known) return { reason: known[0], hint: known[1].replace("EXAMPLE", example) };
  return {
    reason: `not valid YAML: ${printable(message)}`,
    hint: "write one KEY: VALUE on a line, and values with special characters in quotes",
  };
}
