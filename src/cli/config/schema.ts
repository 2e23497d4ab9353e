import * as v from "valibot";
import { TRANSFERS } from "../../base/limits.ts";
import { parseBytes, parseDuration, parseSpace } from "../../base/units.ts";
import { parseRegistry } from "../../oci/reference.ts";
import { POLICIES } from "../options.ts";

/** What is written down of a setting, beside what it may be. */
export interface SettingNotes {
  /** One line, without a full stop. */
  readonly description: string;
  /** What holds where nobody sets it; left out where nothing does then. */
  readonly fallback?: string | number | boolean;
  /** For the file that `config init` writes, where there is no fallback to show. */
  readonly example?: string | number | boolean;
  /** The option of every command that beats it. */
  readonly option?: string;
}

/** What `parse` makes of what the schema lets through. */
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

/** A group of settings; one that has nothing but comments in it reads as null. */
function group<T extends v.ObjectEntries>(entries: T) {
  return v.nullish(v.strictObject(entries));
}

/** The caches of OS Image Composer's `storage:` block, and larder's own beside them. */
function cache(of: string) {
  return group({
    enabled: setting(v.boolean(), {
      description: `whether ${of} are kept; if not, gc removes all that are not pinned or in use`,
      fallback: true,
    }),
    max_size_gb: setting(Amount, {
      description: `gc keeps at most so much of ${of}, in GB (10^9 bytes)`,
      example: 10,
    }),
    retention_days: setting(Amount, {
      description: `gc removes ${of} that were not used for so many days`,
      example: 30,
    }),
    max_count: setting(Count, { description: `gc keeps at most so many ${of}`, example: 5 }),
  });
}

/** Everything that `config.yaml` may hold. The keys of `storage` are those of OS Image Composer. */
export const ConfigSchema = v.strictObject({
  cache_dir: setting(Text, {
    description: "the cache folder; if it is relative, then to this file",
    example: "/var/cache/larder",
    option: "--cache-dir",
  }),
  transfers: setting(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)), {
    description: "transfers at once, 1 to 64",
    fallback: TRANSFERS,
  }),
  freshness: group({
    policy: setting(v.picklist(POLICIES), {
      description: `when to ask the registry about a cached tag: ${POLICIES.join(", ")}`,
      fallback: "always",
      option: "--offline",
    }),
    stale_if_error: setting(Duration, {
      description: "how old a copy may be that stands in for a registry that fails",
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
      description: "the most that the cache may take: one budget for all that is in it",
      example: "20GB",
    }),
    min_free: setting(Space, {
      description: "what must stay free on the cache's disk: a size, or a share as 10%",
      example: "10%",
    }),
    unused: setting(Duration, {
      description: "remove what was not used for so long",
      example: "90d",
    }),
    keep_last: setting(Count, {
      description: "keep so many tags of each repository, whatever else says no",
      example: 2,
    }),
    max_count: setting(Count, { description: "keep at most so many entries", example: 500 }),
    auto: setting(v.boolean(), {
      description: "after a pull, collect by itself what goes beyond these limits",
      fallback: true,
    }),
  }),
  registries: v.nullish(v.record(
    readAs(v.string(), parseRegistry),
    v.strictObject({
      insecure: setting(v.boolean(), {
        description: "accept plain HTTP and unverified TLS from this host",
        fallback: false,
      }),
      ca_file: setting(Text, {
        description: "also trust the certificates in this PEM file for this host; as cache_dir",
        example: "/etc/ssl/corp-ca.pem",
      }),
    }),
  )),
});

/** What the config says; what it is silent about is left out. */
export type Config = v.InferOutput<typeof ConfigSchema>;
