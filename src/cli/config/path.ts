import { join } from "node:path";
import { configRoot, type HostPlatform } from "../../store/platform_dirs.ts";

/** The variable that names the config file, as `--config` does. */
const FILE_VARIABLE = "LARDER_CONFIG";

/**
 * Where the config file is: `--config`, `LARDER_CONFIG`, or `config.yaml` in the config folder, which need not be
 * there.
 *
 * @returns the path, undefined where the environment names no home; and who named it, if anybody did
 */
export function configPath(
  platform: HostPlatform,
  option: string | undefined,
): { path: string | undefined; rule?: string } {
  if (option !== undefined) return { path: option, rule: "--config" };
  const variable = platform.env(FILE_VARIABLE);
  if (variable) return { path: variable, rule: FILE_VARIABLE };
  try {
    return { path: join(configRoot(platform).path, "config.yaml") };
  } catch {
    return { path: undefined }; // Only who needs a home folder complains about its absence.
  }
}
