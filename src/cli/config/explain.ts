import type { HostPlatform } from "../../store/platform_dirs.ts";
import type { GlobalOptions } from "../options.ts";
import { type ConfigSources, readSources } from "./load.ts";
import { type KeyedSetting, keyOf, type Scalar, SETTINGS } from "./settings.ts";

/** Where the value of a setting comes from; `unset` if it has none. */
export type ValueSource = "option" | "environment" | "file" | "default" | "unset";

/** The value of a setting and where it comes from. */
export interface Explanation {
  readonly key: string;
  /** As it was written; null if it is unset. */
  readonly value: Scalar | null;
  readonly source: ValueSource;
  /** The option, the variable, or `file:line:column`; null for a default and if it is unset. */
  readonly from: string | null;
  readonly description: string;
}

/**
 * Explains every setting: its value is that of an option, the environment, the file, or its default, in this order.
 * Settings of registries are listed for those in the file.
 *
 * @throws LarderError LDR_CONFIG if the file or a variable is invalid
 */
export async function explainConfig(
  platform: HostPlatform,
  options: GlobalOptions,
): Promise<Explanation[]> {
  const sources = await readSources(platform, options.config);
  return settingsIn(sources).map((key) => explain(key, sources, options));
}

/**
 * Explains one setting. Invalid variables of other settings are ignored.
 * @throws LarderError LDR_CONFIG if the file or its own variable is invalid
 */
export async function explainSetting(
  platform: HostPlatform,
  options: GlobalOptions,
  key: KeyedSetting,
): Promise<Explanation> {
  const sources = await readSources(platform, options.config, [key.setting]);
  return explain(key, sources, options);
}

function settingsIn({ file }: ConfigSources): KeyedSetting[] {
  const names = file?.names(["registries"]) ?? [];
  const [own, named] = [false, true].map((star) =>
    SETTINGS.filter(({ path }) => path.includes("*") === star)
  );
  return [
    ...own!.map((setting) => ({ setting, path: setting.path })),
    ...names.flatMap((name) =>
      named!.map((setting) => ({
        setting,
        path: setting.path.map((part) => part === "*" ? name : part),
      }))
    ),
  ];
}

function explain(key: KeyedSetting, sources: ConfigSources, options: GlobalOptions): Explanation {
  const { setting, path } = key;
  const { description, fallback } = setting;
  const explained = (
    source: ValueSource,
    value: Scalar | null,
    from: string | null,
  ): Explanation => ({
    key: keyOf(path),
    value,
    source,
    from,
    description,
  });
  const given = optionValue(setting.option, options);
  if (given !== undefined) return explained("option", given, setting.option!);
  const variable = sources.variables.find((each) => each.setting === setting);
  if (variable) return explained("environment", variable.value, variable.variable);
  const written = sources.file?.find(path);
  if (written) return explained("file", written.value, written.location);
  return fallback === undefined
    ? explained("unset", null, null)
    : explained("default", fallback, null);
}

/** Returns the value that a global option gives to its setting. */
function optionValue(option: string | undefined, options: GlobalOptions): Scalar | undefined {
  if (option === "--cache-dir") return options.cacheDir;
  return option === "--offline" && options.offline ? "never" : undefined;
}
