import { LarderError, messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { parseReference, type Reference, repositoryName } from "../../oci/reference.ts";
import { type Location, parseLocation, placeAt } from "./location.ts";
import { type Mirror, MIRROR_USES, type MirrorUse, type Route } from "./route.ts";

/**
 * The settings of registries.conf(5), format version 2, that larder follows. Search registries are not among them: a
 * short name is of docker.io, unless it has an alias.
 */
export interface RegistriesConf {
  readonly tables: readonly RegistryTable[];
  /** By short name without tag and digest; undefined erases the alias of an earlier file. */
  readonly aliases: ReadonlyMap<string, Alias | undefined>;
}

/** A `[[registry]]` table. */
export interface RegistryTable {
  /** `host[:port][/path]`, or `*.host` for the hosts below one. */
  readonly prefix: string;
  /** What replaces the prefix in requests to the registry itself; undefined if nothing does. */
  readonly location: Location | undefined;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly TableMirror[];
  /** The file that has the table. */
  readonly file: string;
}

export interface TableMirror {
  readonly location: Location;
  readonly insecure: boolean;
  readonly use: MirrorUse;
}

export interface Alias {
  /** Registry and repository. */
  readonly name: string;
  readonly file: string;
}

/** The route that a table gives to a repository, and the registries on it to which insecure connections are allowed. */
export interface TableRoute extends Route {
  readonly insecure: readonly string[];
}

type Toml = Readonly<Record<string, unknown>>;

const V1_TABLES = ["search", "insecure", "block"];

/**
 * Reads the content of one file.
 * @param content the parsed TOML
 * @throws LarderError LDR_CONFIG, whose message says what is wrong without naming the file
 */
export function readRegistriesConf(content: Toml, file: string): RegistriesConf {
  if (
    isObject(content.registries) && V1_TABLES.some((name) => name in (content.registries as Toml))
  ) {
    throw bad("it has the old format, version 1");
  }
  const tables = listOf(content.registry, "registry").map((table) => readTable(table, file));
  const aliases = content.aliases ?? {};
  if (!isObject(aliases)) throw bad("aliases is not a table");
  return {
    tables,
    aliases: new Map(Object.entries(aliases).map(([name, value]) => readAlias(name, value, file))),
  };
}

/** Combines files: a later one replaces the tables with the same prefix, and the aliases of the same name. */
export function mergeRegistriesConfs(confs: readonly RegistriesConf[]): RegistriesConf {
  return {
    tables: [
      ...new Map(confs.flatMap(({ tables }) => tables).map((each) => [each.prefix, each])).values(),
    ],
    aliases: new Map(confs.flatMap(({ aliases }) => [...aliases])),
  };
}

/** Returns the table with the longest prefix of a repository's name. */
export function tableOf(
  { tables }: RegistriesConf,
  reference: Reference,
): RegistryTable | undefined {
  const name = repositoryName(reference);
  return tables.filter(({ prefix }) => restAfter(name, prefix) !== undefined)
    .reduce<RegistryTable | undefined>(
      (best, each) => best && best.prefix.length >= each.prefix.length ? best : each,
      undefined,
    );
}

/** Returns where a table says that a repository is. */
export function routeOf(table: RegistryTable, reference: Reference): TableRoute {
  const rest = restAfter(repositoryName(reference), table.prefix)!;
  const mirrors = table.mirrors.flatMap(({ location, use, insecure }) => {
    const place = placeAt(location, rest);
    return place ? [{ mirror: { ...place, use } as Mirror, insecure }] : [];
  });
  const upstream = table.location && placeAt(table.location, rest);
  return {
    mirrors: mirrors.map(({ mirror }) => mirror),
    upstream,
    insecure: [
      ...mirrors.filter(({ insecure }) => insecure).map(({ mirror }) => mirror.registry),
      ...table.insecure ? [(upstream ?? reference).registry] : [],
    ],
  };
}

/**
 * Returns what follows a prefix in a name: "" or `/owner/app`; undefined if it is no prefix of the name. A port belongs
 * to the host, so that `example.com` is no prefix of `example.com:5000/app`.
 */
function restAfter(name: string, prefix: string): string | undefined {
  let end = prefix.length;
  if (prefix.startsWith("*.")) {
    end = name.indexOf("/");
    if (!name.slice(0, end).endsWith(prefix.slice(1))) return undefined;
  } else if (!name.startsWith(prefix)) return undefined;
  const rest = name.slice(end);
  return rest === "" || rest.startsWith("/") ? rest : undefined;
}

function readTable(table: Toml, file: string): RegistryTable {
  const location = textOf(table, "location");
  const prefix = (textOf(table, "prefix") || location).replace(/\/+$/, "");
  if (prefix === "") throw bad("a registry has neither a prefix nor a location");
  if (prefix.slice(2).includes("*") || (prefix.startsWith("*.") && prefix.includes("/"))) {
    throw bad(`the prefix "${prefix}" has a * that does not stand for the first part of a host`);
  }
  if (!prefix.startsWith("*.")) locationOf(prefix);
  const byDigest = flagOf(table, "mirror-by-digest-only");
  return {
    prefix,
    location: location === "" ? undefined : locationOf(location),
    insecure: flagOf(table, "insecure"),
    blocked: flagOf(table, "blocked"),
    mirrors: listOf(table.mirror, "mirror").map((mirror) => readMirror(mirror, byDigest)),
    file,
  };
}

function readMirror(mirror: Toml, byDigest: boolean): TableMirror {
  const use = textOf(mirror, "pull-from-mirror") || (byDigest ? "digest-only" : "all");
  if (!isUse(use)) throw bad(`pull-from-mirror is "${use}" instead of ${MIRROR_USES.join(", ")}`);
  const location = locationOf(textOf(mirror, "location"));
  return { location, insecure: flagOf(mirror, "insecure"), use };
}

function isUse(text: string): text is MirrorUse {
  return (MIRROR_USES as readonly string[]).includes(text);
}

function readAlias(short: string, value: unknown, file: string): [string, Alias | undefined] {
  if (/[:@]|^localhost(?:\/|$)|^[^/]*\./.test(short)) {
    throw bad(`the alias "${short}" is not a short name`);
  }
  if (typeof value !== "string") throw bad(`the alias "${short}" is not a text`);
  if (value === "") return [short, undefined];
  try {
    const reference = parseReference(value);
    if (!/[:@]/.test(value.slice(value.lastIndexOf("/") + 1)) && value.includes("/")) {
      return [short, { name: repositoryName(reference), file }];
    }
  } catch {
    // Not a name.
  }
  throw bad(`the alias "${short}" is "${value}", which is not a name with a registry`);
}

function locationOf(text: string): Location {
  if (/^https?:/i.test(text)) throw bad(`the location "${text}" has a scheme`);
  try {
    return parseLocation(text);
  } catch (error) {
    throw bad(messageOf(error));
  }
}

function listOf(value: unknown, key: string): readonly Toml[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw bad(`${key} is not a list of tables`);
  return value;
}

function textOf(table: Toml, key: string): string {
  const value = table[key] ?? "";
  if (typeof value !== "string") throw bad(`${key} is not a text`);
  return value;
}

function flagOf(table: Toml, key: string): boolean {
  const value = table[key] ?? false;
  if (typeof value !== "boolean") throw bad(`${key} is not true or false`);
  return value;
}

function bad(reason: string): LarderError {
  return new LarderError("LDR_CONFIG", reason, { hint: "see containers-registries.conf(5)" });
}
