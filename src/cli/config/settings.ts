import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { parseRegistry } from "../../oci/reference.ts";
import { notAChoice } from "../errors.ts";
import { CONFIG_VARIABLE } from "./path.ts";
import { ConfigSchema, type SettingNotes, type ValueNotes } from "./schema.ts";

/** The value of a setting in a config file. */
export type Scalar = string | number | boolean;

/** A key of the config that takes a value. */
export interface Setting extends SettingNotes, ValueNotes {
  /** Such as `["registries", "*", "insecure"]`; `*` is any registry. */
  readonly path: readonly string[];
  readonly schema: v.GenericSchema;
}

/** A setting for a key of the config file. */
export interface KeyedSetting {
  readonly setting: Setting;
  /** The setting's path with the name of a registry in place of `*`. */
  readonly path: readonly string[];
}

/** The names of variables begin with it. */
const PREFIX = "LARDER_";

/** Every setting, in the order of the schema. */
export const SETTINGS: readonly Setting[] = settingsOf(ConfigSchema, []);

/** Returns a path as a key, such as `gc.max_size`. */
export function keyOf(path: readonly string[]): string {
  return path.join(".");
}

/** Returns the environment variable of a setting, such as `LARDER_GC_MAX_SIZE`; settings of a registry have none. */
export function variableOf({ path }: Setting): string | undefined {
  return path.includes("*") ? undefined : `${PREFIX}${path.join("_").toUpperCase()}`;
}

/**
 * Returns a warning for each variable that is meant as a setting but is none: its name begins or ends like that of a
 * setting, or nearly is one. Others that begin with `LARDER_` are of other programs, such as `LARDER_PORT` of a service
 * in Kubernetes.
 */
export function misnamedVariables(names: readonly string[]): string[] {
  const variables = [CONFIG_VARIABLE, ...SETTINGS.flatMap((each) => variableOf(each) ?? [])];
  const known = variables.map(withoutPrefix);
  const groups = new Set([...known.map(firstWord), "REGISTRIES"]);
  return names.filter((name) => name.startsWith(PREFIX)).flatMap((variable) => {
    const name = withoutPrefix(variable);
    if (known.includes(name)) return [];
    const near = nearest(name, known) ?? known.find((each) => each.endsWith(`_${name}`));
    if (near === undefined && !groups.has(firstWord(name))) return [];
    const remedy = near !== undefined
      ? `did you mean ${PREFIX}${near}?`
      : firstWord(name) === "REGISTRIES"
      ? "settings of a registry have no variable: larder config set registries.HOST.KEY VALUE"
      : "larder config show lists all settings";
    return `${variable} is not a variable of larder and has no effect; ${remedy}`;
  });
}

function withoutPrefix(variable: string): string {
  return variable.slice(PREFIX.length);
}

function firstWord(name: string): string {
  return name.split("_", 1)[0]!;
}

/**
 * Returns the setting of a key such as `gc.max_size` or `registries.ghcr.io.insecure`.
 * @throws LarderError LDR_USAGE, with the nearest key, if there is none; LDR_BAD_REFERENCE for a bad registry
 */
export function findSetting(key: string): KeyedSetting {
  for (const setting of SETTINGS) {
    const path = pathIn(setting, key);
    if (path) return { setting, path };
  }
  const inGroup = SETTINGS.map(({ path }) => keyOf(path)).filter((own) =>
    own.startsWith(`${key}.`)
  );
  const suggestion = suggest(pathOf(key));
  throw new LarderError("LDR_USAGE", `there is no setting "${key}"`, {
    hint: inGroup.length > 0
      ? `${key} is a group: name one of ${inGroup.join(", ")}`
      : suggestion
      ? `did you mean ${suggestion}?`
      : "larder config show lists all settings",
  });
}

/**
 * Reads a value from the command line or a variable, and returns it as a file would hold it.
 * @param what begins the message of the error
 * @throws LarderError LDR_USAGE if the setting cannot have this value
 */
export function readValue(setting: Setting, text: string, what: string): Scalar {
  const values = readings(text);
  const value = values.find((each) => v.safeParse(setting.schema, each).success);
  if (value !== undefined) return value;
  const { message, hint } = refusalOf(setting, values.at(-1)!);
  throw new LarderError("LDR_USAGE", `${what}: ${message}`, { hint });
}

/** Words that mean true and false elsewhere; in YAML 1.1 they are. */
const SWITCH_WORDS = { true: ["yes", "y", "on", "1"], false: ["no", "n", "off", "0"] };

/** Says why a setting cannot have a value, and what to write. */
export function refusalOf(setting: Setting, value: unknown): LarderError {
  const { expected, parse, example, fallback } = setting;
  const hint = `write ${expected}, such as ${fallback ?? example}`;
  const refused = (message: string, better = hint) =>
    new LarderError("LDR_USAGE", message, { hint: better });
  if (value === null || value === "") return refused("the value is missing", hint);
  if (Array.isArray(value) && setting.takesList) return refusalOf(setting, value.join(", "));
  if (typeof value === "object") {
    return refused(`a ${Array.isArray(value) ? "list" : "group"} is not ${expected}`);
  }
  if (parse) return reasonOf(() => parse(String(value))) ?? refused(`${value} is not ${expected}`);
  const choices = choicesOf(setting);
  const word = String(value).toLowerCase();
  const meant = choices.find((choice) =>
    choice === word || SWITCH_WORDS[choice as keyof typeof SWITCH_WORDS]?.includes(word)
  );
  if (meant !== undefined) {
    return meant === value
      ? refused(`"${value}" in quotes is a text`, `write ${meant} without quotes`)
      : refused(`"${value}" is not ${expected}`, `write ${meant}`);
  }
  if (choices.length > 0) return notAChoice(String(value), choices);
  return refused(`${JSON.stringify(value)} is not ${expected}`);
}

function reasonOf(read: () => unknown): LarderError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof LarderError) return error;
    throw error;
  }
}

/** Returns the setting at a path of a config file; undefined for a group, and if there is none. */
export function settingAt(keys: readonly string[]): Setting | undefined {
  return SETTINGS.find(({ path }) =>
    path.length === keys.length && path.every((part, i) => part === "*" || part === keys[i])
  );
}

/** Returns the values of a setting that has only a few; none for all others. */
export function choicesOf({ schema }: Setting): string[] {
  const { type, options } = schema as v.GenericSchema & { options?: readonly unknown[] };
  if (type === "boolean") return ["true", "false"];
  return type === "picklist" ? options!.map(String) : [];
}

/** Returns the known key that is nearest to an unknown one; undefined if none is near. */
export function suggest(path: readonly string[]): string | undefined {
  const name = path.at(-1)!;
  const groups = SETTINGS.flatMap((setting) =>
    setting.path.slice(0, -1).map((_, i) => setting.path.slice(0, i + 1))
  );
  const all = [...SETTINGS.map((setting) => setting.path), ...groups];
  const siblings = all.filter((own) =>
    own.length === path.length &&
    own.slice(0, -1).every((part, i) => part === "*" || part === path[i])
  );
  const near = nearest(name, siblings.map((own) => own.at(-1)!));
  if (near !== undefined) return keyOf([...path.slice(0, -1), near]);
  const key = nearest(keyOf(path), all.map(keyOf));
  if (key !== undefined) return key;
  const elsewhere = nearest(name, all.map((own) => own.at(-1)!));
  return elsewhere === undefined ? undefined : keyOf(all.find((own) => own.at(-1) === elsewhere)!);
}

/** Splits an unknown key. Only the name of a registry has dots, and it is in the middle. */
function pathOf(key: string): string[] {
  const parts = key.split(".");
  return parts.length <= 3 ? parts : [parts[0]!, parts.slice(1, -1).join("."), parts.at(-1)!];
}

/** Returns what a text can be, the most specific first. */
function readings(text: string): Scalar[] {
  if (text === "true" || text === "false") return [text === "true", text];
  return /^-?\d+(?:\.\d+)?$/.test(text) ? [Number(text), text] : [text];
}

/** Returns the path of a key if it is one of this setting. */
function pathIn({ path }: Setting, key: string): string[] | undefined {
  const star = path.indexOf("*");
  if (star < 0) return keyOf(path) === key ? [...path] : undefined;
  const [before, after] = [path.slice(0, star), path.slice(star + 1)];
  const [head, tail] = [`${keyOf(before)}.`, `.${keyOf(after)}`];
  if (!key.startsWith(head) || !key.endsWith(tail)) return undefined;
  const name = key.slice(head.length, -tail.length);
  return name === "" ? undefined : [...before, parseRegistry(name), ...after];
}

function settingsOf(schema: unknown, path: readonly string[]): Setting[] {
  const node = schema as v.GenericSchema & {
    wrapped?: unknown;
    entries?: Readonly<Record<string, unknown>>;
    value?: unknown;
  };
  switch (node.type) {
    case "optional":
    case "nullish":
      return settingsOf(node.wrapped, path);
    case "strict_object":
      return Object.entries(node.entries!)
        .flatMap(([key, member]) => settingsOf(member, [...path, key]));
    case "record":
      return settingsOf(node.value, [...path, "*"]);
    default:
      return [{
        path,
        schema: node,
        ...v.getMetadata(node) as unknown as SettingNotes & ValueNotes,
      }];
  }
}
