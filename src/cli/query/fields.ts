import { formatPlatform } from "../../oci/platform.ts";
import { isFromRegistry } from "../../snapshot/types.ts";
import type { Item } from "./items.ts";

/** What a field's values are: texts, whole numbers, truth values, milliseconds since the epoch, milliseconds. */
export type FieldType = "string" | "int" | "bool" | "timestamp" | "duration";

/** What is known of each item, by the name that filters, templates, `--sort` and JSON have for it. */
export interface Field {
  readonly type: FieldType;
  /** One line, without a full stop. */
  readonly description: string;
  /** Undefined where there is nothing to say of this item. @param now milliseconds since the epoch */
  readonly read: (item: Item, now: number) => string | number | boolean | undefined;
}

function field(type: FieldType, description: string, read: Field["read"]): Field {
  return { type, description, read };
}

/** Every field, in the order in which they are documented. */
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
    "what belongs together: the repository of an app or image, all versions of a package for one architecture, all builds of one name, all that was compiled of one component; `data` or `wasm` of a blob",
    (item) => item.group,
  ),
  registry: field("string", "the registry of an app or image", registryOf),
  tag: field("string", "the tag of an app or image", tagOf),
  digest: field(
    "string",
    "the digest of the tag of an app or image, the file of a package or build, the component that was compiled",
    (item) => item.digest,
  ),
  platform: field(
    "string",
    "of an app that has several: `linux/amd64`",
    ({ record }) => record?.platform && formatPlatform(record.platform),
  ),
  size: field("int", "bytes of all that it needs, each file once", (item) => item.size),
  unique: field("int", "bytes that would be freed if this alone went", (item) => item.unique),
  shared: field(
    "int",
    "bytes that others need too: `size` without `unique`",
    (item) => item.size - item.unique,
  ),
  holders: field("int", "how many entries need a blob; 0 for an entry", (item) => item.holders),
  created: field("timestamp", "when its content was fetched or made", (item) => item.createdAt),
  lastUsed: field("timestamp", "when it was last used", (item) => item.lastUsed),
  age: field(
    "duration",
    "how long ago it was created",
    (item, now) => Math.max(0, now - item.createdAt),
  ),
  unused: field(
    "duration",
    "how long ago it was last used",
    (item, now) => Math.max(0, now - item.lastUsed),
  ),
  checked: field(
    "timestamp",
    "when the registry last confirmed an app or image; the beginning of 1970 where it never did",
    ({ record }) => record ? Date.parse(record.checkedAt) : undefined,
  ),
  pinned: field(
    "bool",
    "whether it, or of a blob an entry that needs it, is kept from automatic removal",
    (item) => item.pin !== undefined,
  ),
  note: field("string", "the note of its pin", (item) => item.pin?.note),
  writtenBy: field(
    "string",
    "`larder`, or `spin` for what Spin wrote into a cache that is shared",
    (item) => item.writtenBy,
  ),
  damaged: field(
    "bool",
    "whether something is wrong with it",
    (item) => item.problem !== undefined,
  ),
  problem: field("string", "what is wrong with it", (item) => item.problem),
  path: field("string", "where it lies on the disk", (item) => item.path),
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof FIELDS;

export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** An item's field; where there is nothing to say, what is empty of the field's type. */
export function readField(name: FieldName, item: Item, now: number): string | number | boolean {
  const { type, read }: Field = FIELDS[name];
  return read(item, now) ?? (type === "string" ? "" : type === "bool" ? false : 0);
}

/**
 * An item in JSON: every field but those that the time of the command decides, and `reference`, which apps had before
 * there were other entries.
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

/** `ghcr.io` of an app: Docker's name for no registry but its own is the first part of every reference. */
function registryOf({ type, name }: Item): string | undefined {
  return isFromRegistry(type) ? name.slice(0, name.indexOf("/")) : undefined;
}

function tagOf({ type, name, group }: Item): string | undefined {
  if (!isFromRegistry(type) || name[group.length] !== ":") return undefined;
  return name.slice(group.length + 1).replace(/@.*$/s, "");
}
