import { parse, TomlError } from "smol-toml";
import type { LarderError } from "../errors.ts";

/**
 * Parses a TOML document.
 * @param bad makes the error for invalid TOML; `location` is `path:line:column`
 */
export function parseToml(
  text: string,
  path: string,
  bad: (location: string, reason: string) => LarderError,
): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
    throw bad(`${path}:${error.line}:${error.column}`, reason);
  }
}
