import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import { expandHome, type HostPlatform } from "../../store/platform_dirs.ts";
import type { ConfigFile } from "./file.ts";
import { configPath } from "./path.ts";
import type { Config } from "./schema.ts";
import { readValue, type Scalar, type Setting, SETTINGS, variableOf } from "./settings.ts";

/** A setting with its value in the environment. */
export interface VariableValue {
  readonly setting: Setting;
  readonly variable: string;
  readonly value: Scalar;
}

/** The config file and the environment. */
export interface ConfigSources {
  /** Undefined if there is none. */
  readonly file: ConfigFile | undefined;
  readonly variables: readonly VariableValue[];
}

/**
 * Reads the config. The environment overrides the file.
 *
 * @param option value of `--config`; the file must then exist
 * @throws LarderError LDR_CONFIG, with the file, line and column, or with the variable
 */
export async function loadConfig(
  platform: HostPlatform,
  option: string | undefined,
): Promise<Config> {
  const { path } = configPath(platform, option);
  const { file, variables } = await readSources(platform, option);
  const absolute = (written: string) => resolve(dirname(path!), expandHome(platform, written));
  const config = file ? withPaths(file.config, absolute) : {};
  for (const { setting, value } of variables) {
    const whole = setting.isPath ? expandHome(platform, String(value)) : value;
    assign(config, setting.path, v.parse(setting.schema, whole));
  }
  return config;
}

/**
 * Reads the file and the environment as they are, for commands that explain the config.
 * @param settings settings whose variables are read
 * @throws LarderError LDR_CONFIG, as {@link loadConfig} does
 */
export async function readSources(
  platform: HostPlatform,
  option: string | undefined,
  settings: readonly Setting[] = SETTINGS,
): Promise<ConfigSources> {
  const { path, rule } = configPath(platform, option);
  const text = path && readTextIfAny(path);
  if (text === undefined && rule !== undefined) {
    throw new LarderError("LDR_CONFIG", `no config file at ${path}, which ${rule} names`, {
      hint: `name an existing file, or leave out ${rule}`,
    });
  }
  const variables = variablesOf(platform, settings);
  if (text === undefined || path === undefined) return { file: undefined, variables };
  const { parseConfigFile } = await import("./file.ts");
  return { file: parseConfigFile(text, path), variables };
}

function variablesOf(platform: HostPlatform, settings: readonly Setting[]): VariableValue[] {
  return settings.flatMap((setting) => {
    const variable = variableOf(setting);
    const text = variable && platform.env(variable);
    if (!variable || !text) return [];
    return { setting, variable, value: readVariable(setting, variable, text) };
  });
}

function readVariable(setting: Setting, variable: string, text: string): Scalar {
  try {
    return readValue(setting, text, `bad ${variable}`);
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    throw new LarderError("LDR_CONFIG", error.message, { hint: error.hint });
  }
}

/** The settings of `serve` that are paths. */
const SERVE_PATHS = ["token_file", "htpasswd_file", "tls_cert", "tls_key"] as const;

/** Returns the config with its paths converted by `own`. */
function withPaths(config: Config, own: (path: string) => string): Config {
  const { cache_dir, registries, serve, shared } = config;
  return {
    ...config,
    ...cache_dir !== undefined && { cache_dir: own(cache_dir) },
    ...serve && { serve: { ...serve, ...servePaths(serve, own) } },
    ...shared?.key_file !== undefined && { shared: { ...shared, key_file: own(shared.key_file) } },
    ...registries && {
      registries: Object.fromEntries(
        Object.entries(registries).map(([name, { ca_file, ...rest }]) => [
          name,
          { ...rest, ...ca_file !== undefined && { ca_file: own(ca_file) } },
        ]),
      ),
    },
  };
}

function servePaths(
  serve: NonNullable<Config["serve"]>,
  resolved: (path: string) => string,
): Partial<Config["serve"]> {
  return Object.fromEntries(
    SERVE_PATHS.flatMap((key) => serve[key] === undefined ? [] : [[key, resolved(serve[key])]]),
  );
}

function assign(config: object, path: readonly string[], value: unknown): void {
  let group = config as Record<string, unknown>;
  for (const key of path.slice(0, -1)) group = (group[key] ??= {}) as Record<string, unknown>;
  group[path.at(-1)!] = value;
}
