import { type Document, LineCounter, parseDocument, type YAMLError } from "yaml";
import { printable } from "../errors.ts";

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

/** What is wrong with a document, and what to write instead. */
export interface YamlFault {
  readonly reason: string;
  readonly hint: string;
}

/** The nodes of a document, and where they are. */
export interface YamlDocument {
  readonly document: Document;
  /** Returns the place of a character, as editors count: both from 1. */
  placeOf(offset: number): { readonly line: number; readonly col: number };
  /** What is not YAML in the text, and its offset; undefined if all of it is. */
  readonly broken: (YamlFault & { readonly offset: number }) | undefined;
}

/**
 * Parses YAML, of which JSON is a part.
 * @param example a valid line of such a file
 */
export function parseYaml(text: string, example: string): YamlDocument {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, logLevel: "error" } as const;
  const document = parseDocument(text, options);
  const error = document.errors[0] ?? document.warnings[0];
  return {
    document,
    placeOf(offset) {
      const { line, col } = lines.linePos(offset);
      return { line: Math.max(1, line), col: Math.max(1, col) };
    },
    broken: error && { offset: error.pos[0], ...faultOf(error, example) },
  };
}

function faultOf({ code, message }: YAMLError, example: string): YamlFault {
  // The parser reports a bracket that is not closed as wrong indentation of what follows.
  const known = FAULTS[/end with a [}\]]/.test(message) ? "MISSING_CHAR" : code];
  if (known) return { reason: known[0], hint: known[1].replace("EXAMPLE", example) };
  return {
    reason: `not valid YAML: ${printable(message)}`,
    hint: "write one KEY: VALUE on a line, and values with special characters in quotes",
  };
}
