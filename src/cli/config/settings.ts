import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { parseRegistry } from "../../oci/reference.ts";
import { ConfigSchema, type SettingNotes } from "./schema.ts";

/** What a setting can be in a file. */
export type Scalar = string | number | boolean;

/** One key of the config that takes a value. */
export interface Setting extends SettingNotes {
  /** `["registries", "*", "insecure"]`, where `*` stands for any registry. */
  readonly path: readonly string[];
  readonly schema: v.GenericSchema;
}

/** A setting and where in the file it stands: with the name of a registry in the place of `*`. */
export interface Place {
  readonly setting: Setting;
  readonly path: readonly string[];
}

/** Every setting, in the order of the schema. */
export const SETTINGS: readonly Setting[] = settingsOf(ConfigSchema, []);

/** `gc.max_size`. */
export function keyOf(path: readonly string[]): string {
  return path.join(".");
}

/** `LARDER_GC_MAX_SIZE`; undefined for what is set for one registry. */
export function variableOf({ path }: Setting): string | undefined {
  return path.includes("*") ? undefined : `LARDER_${path.join("_").toUpperCase()}`;
}

/**
 * The place that a key names: `gc.max_size`, `registries.ghcr.io.insecure`.
 * @throws LarderError LDR_USAGE, with the nearest key; LDR_BAD_REFERENCE
 */
export function findPlace(key: string): Place {
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
      ? `it is a group: name one of ${inGroup.join(", ")}`
      : suggestion
      ? `did you mean ${suggestion}?`
      : "larder config show lists all settings",
  });
}

/**
 * Reads a value that stands alone: on the command line, in a variable.
 * @returns it as it is to be in a file
 * @throws LarderError LDR_USAGE: `what` is no such value
 */
export function readValue(setting: Setting, text: string, what: string): Scalar {
  let reason = "";
  for (const value of readings(text)) {
    const result = v.safeParse(setting.schema, value);
    if (result.success) return value;
    reason ||= result.issues[0].message;
  }
  throw new LarderError("LDR_USAGE", `${what}: ${reason}`, { hint: setting.description });
}

/** Returns the values of a setting that has only a few; none for all others. */
export function choicesOf({ schema }: Setting): string[] {
  const { type, options } = schema as v.GenericSchema & { options?: readonly unknown[] };
  if (type === "boolean") return ["true", "false"];
  return type === "picklist" ? options!.map(String) : [];
}

/** The key that was probably meant where a file has one that is unknown. */
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

/** The parts of a key that is nobody's: a name with dots can only be in the middle. */
function pathOf(key: string): string[] {
  const parts = key.split(".");
  return parts.length <= 3 ? parts : [parts[0]!, parts.slice(1, -1).join("."), parts.at(-1)!];
}

/** What a text can mean, the most particular first. */
function readings(text: string): Scalar[] {
  if (text === "true" || text === "false") return [text === "true", text];
  return /^-?\d+(?:\.\d+)?$/.test(text) ? [Number(text), text] : [text];
}

/** The path of a key, if it is this setting's. The name of a registry in it has dots. */
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
      return [{ path, schema: node, ...v.getMetadata(node) as unknown as SettingNotes }];
  }
}
