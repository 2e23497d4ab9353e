import { dirname, join, resolve } from "node:path";
import * as v from "valibot";
import { LarderError } from "../base/errors.ts";
import { readTextIfAny } from "../base/files.ts";
import { parseDuration } from "../base/units.ts";
import { configRoot, type Machine } from "../store/roots.ts";

/** When the registry is asked about a tag that is cached. */
export const POLICIES = ["always", "missing", "never"] as const;

const Duration = v.pipe(
  v.union([v.string(), v.literal(0)]),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseDuration(String(dataset.value));
    } catch (error) {
      addIssue({ message: (error as Error).message });
      return NEVER;
    }
  }),
);

const ConfigSchema = v.strictObject({
  cache_dir: v.optional(v.pipe(v.string(), v.nonEmpty())),
  transfers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64))),
  freshness: v.optional(v.strictObject({
    policy: v.optional(v.picklist(POLICIES)),
    stale_if_error: v.optional(Duration),
  })),
});

/** The config file, `config.yaml` in larder's config folder. */
export type Config = v.InferOutput<typeof ConfigSchema>;

/**
 * Reads the config file; without one, everything has its default.
 *
 * @param option `--config`, a file that must then exist
 * @throws LarderError LDR_CONFIG, naming the file, line and column
 */
export async function loadConfig(machine: Machine, option: string | undefined): Promise<Config> {
  const path = option ?? configPath(machine);
  const text = path && readTextIfAny(path);
  if (text === undefined || path === undefined) {
    if (option === undefined) return {};
    throw new LarderError("LDR_CONFIG", `there is no config file ${option}`, {
      hint: "name a file that exists, or leave --config out",
    });
  }
  const { parseConfig } = await import("./config_file.ts");
  const config = parseConfig(ConfigSchema, text, path);
  // A relative folder is meant from where the file is, whoever reads it and from wherever.
  return config.cache_dir
    ? { ...config, cache_dir: resolve(dirname(path), config.cache_dir) }
    : config;
}

/** Where the config file is looked for; undefined where the environment names no home. */
function configPath(machine: Machine): string | undefined {
  try {
    return join(configRoot(machine).path, "config.yaml");
  } catch {
    return undefined; // Only who needs a home folder complains about its absence.
  }
}
