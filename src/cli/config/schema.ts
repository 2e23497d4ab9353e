import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { TRANSFERS } from "../../base/limits.ts";
import { parseBytes, parseDuration, parseSpace } from "../../base/units.ts";
import { parseRegistry } from "../../oci/reference.ts";
import { parseAllow } from "../../serve/access/allow_patterns.ts";
import { parseLocation } from "../../registry/mirrors/location.ts";
import { parseSharedUrl } from "../../registry/shared/shared_url.ts";
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

/** The values that a kind of setting takes, for the errors about others. */
export interface ValueNotes {
  /** What a value must be, such as `a whole number from 1 on`. */
  readonly expected: string;
  /** Converts a value, or fails with a LarderError that says what is wrong with it. */
  readonly parse?: (text: string) => unknown;
  /** True if a list is read as its items with commas between. */
  readonly takesList?: boolean;
  /** True if a relative value is relative to the file that holds it. */
  readonly isPath?: boolean;
}

function described<S extends v.GenericSchema>(schema: S, notes: ValueNotes) {
  return v.pipe(schema, v.metadata(notes as unknown as Record<string, unknown>));
}

/** Returns a schema of texts and numbers that `parse` converts. */
function readAs<T>(expected: string, parse: (text: string) => T) {
  const schema = described(v.union([v.string(), v.number()]), { expected, parse });
  return v.pipe(schema, readText<string | number, T>(parse));
}

function readText<I, T>(parse: (text: string) => T, textOf: (value: I) => string = String) {
  return v.rawTransform<I, T>(({ dataset, addIssue, NEVER }) => {
    try {
      return parse(textOf(dataset.value));
    } catch (error) {
      addIssue({ message: (error as Error).message });
      return NEVER;
    }
  });
}

const Path = described(v.pipe(v.string(), v.nonEmpty()), { expected: "a path", isPath: true });
const Text = described(v.pipe(v.string(), v.nonEmpty()), { expected: "a host and a port" });
const Region = described(v.pipe(v.string(), v.regex(/^[\w-]+$/)), { expected: "a region" });
const Registry = readAs("a registry", parseRegistry);
const SharedAddress = described(checkedBy(parseSharedUrl), {
  expected: "s3://BUCKET/PREFIX or oci://HOST/REPOSITORY",
  parse: parseSharedUrl,
});
const Endpoint = described(checkedBy(parseEndpoint), {
  expected: "a URL that begins with http:// or https://",
  parse: parseEndpoint,
});
const Switch = described(v.boolean(), { expected: "true or false" });
const Duration = readAs("a duration", parseDuration);
const Bytes = readAs("a size", parseBytes);
const Space = readAs("a size or a percentage", parseSpace);
const Count = described(v.pipe(v.number(), v.integer(), v.minValue(1)), {
  expected: "a whole number from 1 on",
});
const Transfers = described(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)), {
  expected: "a whole number from 1 to 64",
});
const Amount = described(v.pipe(v.number(), v.finite(), v.minValue(0)), {
  expected: "a number without a unit",
});
const Allow = listOf("a host", parseAllow);
const Mirrors = listOf("a registry", parseMirrors);
const Policy = described(v.picklist(POLICIES), { expected: "always, missing or never" });

/** Returns a schema of lists, and of texts with commas between their items. */
function listOf(item: string, parse: (text: string) => string[]) {
  return described(
    v.pipe(
      v.union([v.string(), v.array(v.string())]),
      readText<string | string[], string[]>(parse, (value) => [value].flat().join(",")),
    ),
    { expected: `${item} or a list of them`, parse, takesList: true },
  );
}

function setting<T extends v.GenericSchema>(schema: T, notes: SettingNotes) {
  return v.optional(v.pipe(schema, v.metadata(notes as unknown as Record<string, unknown>)));
}

/** Returns a schema of texts that `parse` accepts. */
function checkedBy(parse: (text: string) => unknown) {
  return v.pipe(
    v.string(),
    readText<string, string>((text) => {
      parse(text);
      return text;
    }),
  );
}

/** @throws LarderError LDR_USAGE */
function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  const isServer = url && /^https?:$/.test(url.protocol) && url.pathname === "/" &&
    url.username === "" && url.search === "";
  if (isServer) return url;
  throw new LarderError("LDR_USAGE", `"${text}" is not the URL of a server`, {
    hint: "write http:// or https://, a host and a port, such as https://minio.example:9000",
  });
}

/** Parses `mirror.lan, localhost:5000/ghcr.io`. */
function parseMirrors(text: string): string[] {
  const mirrors = text.split(",").map((each) => each.trim()).filter((each) => each !== "");
  mirrors.forEach(parseLocation);
  return mirrors;
}

/** A group of settings. YAML reads one that holds only comments as null. */
function group<T extends v.ObjectEntries>(entries: T) {
  return v.nullish(v.strictObject(entries));
}

/** Returns the settings of one group of `storage`. @param effect what else follows if it is not enabled */
function cache(of: string, effect = "") {
  return group({
    enabled: setting(Switch, {
      description:
        `keep ${of} in the cache; if false, ${effect}gc removes those that are not pinned or in use`,
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
  cache_dir: setting(Path, {
    description: "cache folder; a relative path is relative to the config file",
    example: "/var/cache/larder",
    option: "--cache-dir",
  }),
  transfers: setting(Transfers, {
    description: "parallel transfers, 1 to 64",
    fallback: TRANSFERS,
  }),
  freshness: group({
    policy: setting(Policy, {
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
    package_cache: cache("packages", "commands bypass them, and "),
    image_cache: cache("builds", "larder build bypasses them, and "),
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
    auto: setting(Switch, {
      description: "run gc after a pull that exceeds these limits",
      fallback: true,
    }),
  }),
  serve: group({
    listen: setting(Text, {
      description: "address of larder serve",
      fallback: "127.0.0.1:5000",
    }),
    default_upstream: setting(Registry, {
      description: "registry of names without one, in requests to larder serve",
      fallback: "docker.io",
    }),
    stale_if_error: setting(Duration, {
      description: "maximum age of a copy that larder serve sends if the registry fails; " +
        "unset, that of freshness",
      example: "24h",
    }),
    allow: setting(Allow, {
      description:
        "upstreams that clients of larder serve may name: globs of hosts or HOST/REPOSITORY, with commas between",
      example: "ghcr.io/acme/*",
    }),
    token_file: setting(Path, {
      description:
        "file of the tokens that clients of larder serve need; relative as for cache_dir",
      example: "/etc/larder/tokens",
    }),
    htpasswd_file: setting(Path, {
      description:
        "file of users and passwords, as htpasswd -B writes it; relative as for cache_dir",
      example: "/etc/larder/htpasswd",
    }),
    tls_cert: setting(Path, {
      description: "PEM file with the certificate of larder serve and its chain",
      example: "/etc/larder/cert.pem",
    }),
    tls_key: setting(Path, {
      description: "PEM file with the key of that certificate",
      example: "/etc/larder/key.pem",
    }),
  }),
  shared: group({
    url: setting(SharedAddress, {
      description: "cache that machines share: s3://BUCKET/PREFIX or oci://HOST/REPOSITORY",
      example: "s3://acme-cache/larder",
    }),
    endpoint: setting(Endpoint, {
      description: "URL of the server of an s3:// bucket; unset, that of Amazon S3",
      example: "https://minio.example:9000",
    }),
    region: setting(Region, {
      description: "region of an s3:// bucket; unset, AWS_REGION or us-east-1",
      example: "eu-central-1",
    }),
    write: setting(Switch, {
      description: "write what was fetched or built to the shared cache",
      fallback: false,
    }),
    key_file: setting(Path, {
      description:
        "file with the key that signs shared packages and builds; relative as for cache_dir",
      example: "/etc/larder/shared.key",
    }),
  }),
  registries: v.nullish(v.record(
    v.pipe(v.string(), readText<string, string>(parseRegistry)),
    v.strictObject({
      insecure: setting(Switch, {
        description: "allow plain HTTP and unverified TLS certificates for this host",
        fallback: false,
      }),
      mirrors: setting(Mirrors, {
        description:
          "registries to ask before this one, in order: HOST, HOST/PATH or a URL, with commas between",
        example: "mirror.example",
      }),
      ca_file: setting(Path, {
        description:
          "PEM file with certificates to trust for this host; a relative path as for cache_dir",
        example: "/etc/ssl/corp-ca.pem",
      }),
    }),
  )),
});

/** The settings of a config file and of the environment; unset ones are undefined. */
export type Config = v.InferOutput<typeof ConfigSchema>;
