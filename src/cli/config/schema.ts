import * as v from "valibot";
import { TRANSFERS } from "../../base/limits.ts";
import { parseBytes, parseDuration, parseSpace } from "../../base/units.ts";
import { parseRegistry } from "../../oci/reference.ts";
import { POLICIES } from "../options.ts";

/** The description of a setting. */
export interface SettingNotes {
  /** One line, without a full stop. */
  readonly description: string;
  /** The value of a setting that nothing sets; undefined if it then has none. */
  readonly fallback?: string | number | boolean;
  /** A value for the file that `config init` writes, if there is no fallback. */
  readonly example?: string | number | boolean;
  /** The global option that overrides it. */
  readonly option?: string;
}

/** Returns a schema of values that `schema` accepts and `parse` converts. */
function readAs<S extends v.GenericSchema<unknown, string | number>, T>(
  schema: S,
  parse: (text: string) => T,
) {
  return v.pipe(
    schema,
    v.rawTransform<v.InferOutput<S>, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(String(dataset.value));
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
}

const TextOrNumber = v.union([v.string(), v.number()]);
const Text = v.pipe(v.string(), v.nonEmpty());
const Duration = readAs(v.union([v.string(), v.literal(0)]), parseDuration);
const Bytes = readAs(TextOrNumber, parseBytes);
const Space = readAs(TextOrNumber, parseSpace);
const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const Amount = v.pipe(v.number(), v.finite(), v.minValue(0));

function setting<T extends v.GenericSchema>(schema: T, notes: SettingNotes) {
  return v.optional(v.pipe(schema, v.metadata(notes as unknown as Record<string, unknown>)));
}

/** A group of settings. YAML reads one that holds only comments as null. */
function group<T extends v.ObjectEntries>(entries: T) {
  return v.nullish(v.strictObject(entries));
}

/** Returns the settings of one group of `storage`. */
function cache(of: string) {
  return group({
    enabled: setting(v.boolean(), {
      description:
        `keep ${of} in the cache; if false, gc removes those that are not pinned or in use`,
      fallback: true,
    }),
    max_size_gb: setting(Amount, {
      description: `maximum total size of ${of}, in GB (10^9 bytes)`,
      example: 10,
    }),
    retention_days: setting(Amount, {
      description: `evict ${of} unused for this many days`,
      example: 30,
    }),
    max_count: setting(Count, { description: `maximum number of ${of}`, example: 5 }),
  });
}

/** The content of `config.yaml`. The keys of `storage` are those of OS Image Composer. */
export const ConfigSchema = v.strictObject({
  cache_dir: setting(Text, {
    description: "cache folder; a relative path is relative to the config file",
    example: "/var/cache/larder",
    option: "--cache-dir",
  }),
  transfers: setting(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)), {
    description: "parallel transfers, 1 to 64",
    fallback: TRANSFERS,
  }),
  freshness: group({
    policy: setting(v.picklist(POLICIES), {
      description: `when to ask the registry about a cached tag: ${POLICIES.join(", ")}`,
      fallback: "always",
      option: "--offline",
    }),
    stale_if_error: setting(Duration, {
      description: "maximum age of a cached copy to use if the registry fails",
      example: "12h",
    }),
  }),
  storage: group({
    registry_cache: cache("apps and images from registries"),
    package_cache: cache("packages"),
    image_cache: cache("builds"),
  }),
  gc: group({
    max_size: setting(Bytes, {
      description: "maximum size of the cache, all types together",
      example: "20GB",
    }),
    min_free: setting(Space, {
      description: "space to keep free on the cache's disk: a size, or a percentage such as 10%",
      example: "10%",
    }),
    unused: setting(Duration, {
      description: "evict entries unused for this long",
      example: "90d",
    }),
    keep_last: setting(Count, {
      description: "keep this many tags of each repository, whatever the other limits say",
      example: 2,
    }),
    max_count: setting(Count, { description: "maximum number of entries", example: 500 }),
    auto: setting(v.boolean(), {
      description: "run gc after a pull that exceeds these limits",
      fallback: true,
    }),
  }),
  registries: v.nullish(v.record(
    readAs(v.string(), parseRegistry),
    v.strictObject({
      insecure: setting(v.boolean(), {
        description: "allow plain HTTP and unverified TLS certificates for this host",
        fallback: false,
      }),
      ca_file: setting(Text, {
        description:
          "PEM file with certificates to trust for this host; a relative path as for cache_dir",
        example: "/etc/ssl/corp-ca.pem",
      }),
    }),
  )),
});

/** The settings of a config file and of the environment; unset ones are undefined. */
export type Config = v.InferOutput<typeof ConfigSchema>;
