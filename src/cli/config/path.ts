import { join } from "node:path";
import { configRoot, expandHome, type HostPlatform } from "../../store/platform_dirs.ts";

/** Names the config file, like `--config`. */
export const CONFIG_VARIABLE = "LARDER_CONFIG";

/**
 * Returns the path of the config file and the option or variable that names it. Without either it is `config.yaml` in
 * the config folder, which need not exist; undefined if the environment has no home folder.
 */
export function configPath(
  platform: HostPlatform,
  option: string | undefined,
): { path: string | undefined; rule?: string } {
  if (option !== undefined) return { path: expandHome(platform, option), rule: "--config" };
  const variable = platform.env(CONFIG_VARIABLE);
  if (variable) return { path: expandHome(platform, variable), rule: CONFIG_VARIABLE };
  try {
    return { path: join(configRoot(platform).path, "config.yaml") };
  } catch {
    return { path: undefined }; // Only commands that need a home folder report that there is none.
  }
}
