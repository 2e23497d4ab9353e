import type { HostPlatform } from "../../store/platform_dirs.ts";
import type { GlobalOptions } from "../options.ts";
import { type ConfigSources, readSources } from "./load.ts";
import { keyOf, type Place, type Scalar, SETTINGS } from "./settings.ts";

/** Who decides a setting; `unset` where nobody does, and nothing holds then. */
export type Decider = "option" | "environment" | "file" | "default" | "unset";

/** What holds for one setting, and why. */
export interface Explanation {
  readonly key: string;
  /** As it was written; null where it is unset. */
  readonly value: Scalar | null;
  readonly source: Decider;
  /** The option, the variable, or `file:line:column`; null for a default and where it is unset. */
  readonly from: string | null;
  readonly description: string;
}

/**
 * Every setting with what decides it: an option, the environment, the file, or larder's own default. What is set
 * for registries appears for those that the file names.
 *
 * @throws LarderError LDR_CONFIG
 */
export async function explainConfig(
  platform: HostPlatform,
  options: GlobalOptions,
): Promise<Explanation[]> {
  const sources = await readSources(platform, options.config);
  return placesIn(sources).map((place) => explain(place, sources, options));
}

/**
 * What holds for one setting, whatever is wrong with the variables of others.
 * @throws LarderError LDR_CONFIG
 */
export async function explainSetting(
  platform: HostPlatform,
  options: GlobalOptions,
  place: Place,
): Promise<Explanation> {
  const sources = await readSources(platform, options.config, [place.setting]);
  return explain(place, sources, options);
}

function placesIn({ file }: ConfigSources): Place[] {
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

function explain(place: Place, sources: ConfigSources, options: GlobalOptions): Explanation {
  const { setting, path } = place;
  const { description, fallback } = setting;
  const decided = (source: Decider, value: Scalar | null, from: string | null): Explanation => ({
    key: keyOf(path),
    value,
    source,
    from,
    description,
  });
  const given = optionValue(setting.option, options);
  if (given !== undefined) return decided("option", given, setting.option!);
  const variable = sources.variables.find((each) => each.setting === setting);
  if (variable) return decided("environment", variable.value, variable.variable);
  const written = sources.file?.find(path);
  if (written) return decided("file", written.value, written.place);
  return fallback === undefined ? decided("unset", null, null) : decided("default", fallback, null);
}

/** What an option that stands on the command line makes of its setting. */
function optionValue(option: string | undefined, options: GlobalOptions): Scalar | undefined {
  if (option === "--cache-dir") return options.cacheDir;
  return option === "--offline" && options.offline ? "never" : undefined;
}
