import { parseEnv } from "node:util";
import { LarderError } from "../../../base/errors.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { isObject } from "../../../base/json.ts";
import type { VariableProvider } from "../../../run/spin/runtime_config.ts";

/** Variables of `--variable`. */
export interface VariableOptions {
  /** Those that were named, each of which the app must have. */
  readonly named: ReadonlyMap<string, string>;
  /** Those of files, of which the app need not have all. */
  readonly ofFiles: ReadonlyMap<string, string>;
}

/** The beginning of the environment variables that set variables. Source: Spin's spin-variables-env crate. */
const PREFIX = "SPIN_VARIABLE";

/** 1 MiB limit on a file with values. */
const MAX_FILE = 1024 * 1024;

/**
 * Parses `--variable NAME=VALUE`, `NAME=@FILE` and `@FILE.toml` or `@FILE.json`. No message quotes a text of which a
 * part may be a secret.
 * @throws LarderError LDR_USAGE, LDR_DISK*
 */
export async function parseVariables(texts: readonly string[]): Promise<VariableOptions> {
  const named = new Map<string, string>();
  const ofFiles = new Map<string, string>();
  for (const text of texts) {
    if (text.startsWith("@")) {
      for (const [name, value] of await readVariables(text.slice(1))) ofFiles.set(name, value);
      continue;
    }
    const at = text.indexOf("=");
    if (at <= 0) throw usage("expected NAME=VALUE, NAME=@FILE or @FILE");
    const value = text.slice(at + 1);
    named.set(text.slice(0, at), value.startsWith("@") ? readText(value.slice(1)) : value);
  }
  return { named, ofFiles };
}

/**
 * Returns the variables that the environment and the providers of a runtime config have; a provider prevails over those
 * after it, and over the environment.
 * @param env larder's own environment
 * @throws LarderError LDR_DISK*
 */
export function providedVariables(
  providers: readonly VariableProvider[],
  env: Readonly<Record<string, string>>,
): Map<string, string> {
  const values = new Map<string, string>();
  const all: VariableProvider[] = [...providers, { type: "env" }];
  for (const provider of all.reverse()) {
    for (const [name, value] of valuesOf(provider, env)) values.set(name, value);
  }
  return values;
}

function valuesOf(
  provider: VariableProvider,
  env: Readonly<Record<string, string>>,
): [name: string, value: string][] {
  if (provider.type === "static") return Object.entries(provider.values);
  const { prefix = PREFIX, dotenv_path: dotenv } = provider;
  const file = dotenv === undefined
    ? {}
    : parseEnv(readText(dotenv, badDotenv)) as Record<string, string>;
  const start = `${prefix}_`;
  return Object.entries({ ...file, ...env })
    .filter(([name]) => name.startsWith(start))
    .map(([name, value]) => [name.slice(start.length).toLowerCase(), value]);
}

async function readVariables(path: string): Promise<Map<string, string>> {
  const values = await parseFile(path);
  const wrong = Object.entries(values).find(([, value]) => typeof value !== "string");
  if (wrong) throw usage(`the value of "${wrong[0]}" in ${path} is not a text`);
  return new Map(Object.entries(values)) as Map<string, string>;
}

async function parseFile(path: string): Promise<Record<string, unknown>> {
  if (path.endsWith(".toml")) {
    const { parseToml } = await import("../../../base/documents/toml_document.ts");
    // The parser's reason may quote a secret.
    return parseToml(readText(path), path, (location) => usage(`${location} is not TOML`));
  }
  if (!path.endsWith(".json")) throw usage(`${path} ends neither in .toml nor in .json`);
  const values = parseJson(path);
  if (isObject(values)) return values;
  throw usage(`${path} is not a JSON object`);
}

function parseJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`${path} is not JSON`);
  }
}

/** @param bad returns the error for a file that is missing or not text */
function readText(path: string, bad = usage): string {
  try {
    const { isDirectory, size } = Deno.statSync(path);
    if (isDirectory) throw bad(`${path} is a folder`);
    if (size > MAX_FILE) throw bad(`${path} has more than ${MAX_FILE / 1024} KiB`);
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw bad(`there is no file ${path}`);
    if (!(error instanceof TypeError)) throw diskError(error, "read", path);
    throw bad(path.includes("\0") ? "the name of a file has a NUL" : `${path} is not UTF-8`);
  }
}

function usage(reason: string): LarderError {
  return new LarderError("LDR_USAGE", `bad --variable: ${reason}`, {
    hint:
      "write NAME=VALUE, NAME=@FILE for the content of a file, or @FILE.toml or @FILE.json with values by name",
  });
}

function badDotenv(reason: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad runtime config: bad dotenv_path: ${reason}`, {
    hint: "name a file of lines NAME=VALUE, relative to the current folder",
  });
}
