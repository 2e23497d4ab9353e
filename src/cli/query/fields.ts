import { formatPlatform } from "../../oci/platform.ts";
import { isFromRegistry } from "../../snapshot/types.ts";
import type { Item } from "./items.ts";

/** The type of a field's values. A timestamp is milliseconds since the epoch, a duration milliseconds. */
export type FieldType = "string" | "int" | "bool" | "timestamp" | "duration";

/** A property of items that filters, templates, `--sort` and JSON can name. */
export interface Field {
  readonly type: FieldType;
  /** One line, without a full stop, for docs/filters.md. */
  readonly description: string;
  /** Returns undefined if the item has no value. @param now milliseconds since the epoch */
  readonly read: (item: Item, now: number) => string | number | boolean | undefined;
}

function field(type: FieldType, description: string, read: Field["read"]): Field {
  return { type, description, read };
}

/** All fields, in the order of docs/filters.md. */
export const FIELDS = {
  type: field(
    "string",
    "`app`, `image`, `package`, `build`, `compiled` or `blob`",
    (item) => item.type,
  ),
  name: field(
    "string",
    "the reference of an app or image, `source/name/version/arch` of a package, `name@digest` of a build, `digest/engine` of compiled code, the digest of a blob",
    (item) => item.name,
  ),
  group: field(
    "string",
    "the group of the item: the repository of an app or image; for a package, all versions for one architecture; for a build, all builds of its name; for compiled code, its component; `data` or `wasm` for a blob",
    (item) => item.group,
  ),
  registry: field("string", "the registry of an app or image", registryOf),
  tag: field("string", "the tag of an app or image", tagOf),
  digest: field(
    "string",
    "the digest of the manifest or index of an app or image, of the file of a package or build, or of the component that was compiled",
    (item) => item.digest,
  ),
  platform: field(
    "string",
    "the platform of a multi-platform app or image: `linux/amd64`",
    ({ record }) => record?.platform && formatPlatform(record.platform),
  ),
  size: field("int", "bytes of all files that it needs, each counted once", (item) => item.size),
  unique: field("int", "bytes that removing only this item would free", (item) => item.unique),
  shared: field(
    "int",
    "bytes that other entries need too: `size - unique`",
    (item) => item.size - item.unique,
  ),
  holders: field(
    "int",
    "number of entries that need a blob; 0 for an entry",
    (item) => item.holders,
  ),
  created: field("timestamp", "when its content was fetched or created", (item) => item.createdAt),
  lastUsed: field("timestamp", "when it was last used", (item) => item.lastUsed),
  age: field(
    "duration",
    "time since it was created",
    (item, now) => Math.max(0, now - item.createdAt),
  ),
  unused: field(
    "duration",
    "time since it was last used",
    (item, now) => Math.max(0, now - item.lastUsed),
  ),
  checked: field(
    "timestamp",
    "when an app or image was last checked with its registry; 1970-01-01 if never",
    ({ record }) => record ? Date.parse(record.checkedAt) : undefined,
  ),
  pinned: field(
    "bool",
    "true if a pin keeps it from automatic removal; for a blob, if an entry that needs it is pinned",
    (item) => item.pin !== undefined,
  ),
  note: field("string", "the note of its pin", (item) => item.pin?.note),
  writtenBy: field(
    "string",
    "`larder`, or `spin` for entries that Spin wrote to a shared cache",
    (item) => item.writtenBy,
  ),
  damaged: field(
    "bool",
    "true if it is damaged",
    (item) => item.problem !== undefined,
  ),
  problem: field("string", "what is wrong with it", (item) => item.problem),
  path: field("string", "its path on disk", (item) => item.path),
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof FIELDS;

export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** Returns the value of a field, or the empty value of its type: `""`, 0 or false. */
export function readField(name: FieldName, item: Item, now: number): string | number | boolean {
  const { type, read }: Field = FIELDS[name];
  return read(item, now) ?? (type === "string" ? "" : type === "bool" ? false : 0);
}

/**
 * Returns an item for `--format json`: all fields except durations, which depend on the time of the command, and
 * `reference`, which repeats the name of an app or image for compatibility.
 */
export function itemToJson(item: Item, now: number): Record<string, unknown> {
  const members: Record<string, unknown> = {
    reference: isFromRegistry(item.type) ? item.name : null,
  };
  for (const name of FIELD_NAMES) {
    const { type, read }: Field = FIELDS[name];
    if (type === "duration") continue;
    const value = read(item, now);
    members[name] = type === "timestamp" && value !== undefined
      ? new Date(Number(value)).toISOString()
      : value ?? null;
  }
  return members;
}

/** Returns the registry of an app or image: the first part of its name, which always has one. */
function registryOf({ type, name }: Item): string | undefined {
  return isFromRegistry(type) ? name.slice(0, name.indexOf("/")) : undefined;
}

function tagOf({ type, name, group }: Item): string | undefined {
  if (!isFromRegistry(type) || name[group.length] !== ":") return undefined;
  return name.slice(group.length + 1).replace(/@.*$/s, "");
}
