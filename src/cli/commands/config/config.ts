import { resolve } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { configRoot, expandHome, hostPlatform } from "../../../store/platform_dirs.ts";
import { explainConfig, explainSetting, type Explanation } from "../../config/explain.ts";
import { configPath as findConfig } from "../../config/path.ts";
import { findSetting, readValue } from "../../config/settings.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { table } from "../../terminal/text_layout.ts";

/** `larder config init`: prints the path of the new file. */
export async function configInit(context: Context, options: { force?: boolean }): Promise<void> {
  const path = fileOf(context);
  const { writeInitialFile } = await import("../../config/edit.ts");
  const backup = writeInitialFile(path, { replace: options.force ?? false });
  writeOut(`${path}\n`);
  if (backup) {
    context.warn(`the settings of the file before are no longer set; it is ${backup} now`);
  }
  context.info("every setting is commented out: remove the # in front of those to set");
}

/** `larder config show`: prints a line for each setting. */
export async function configShow(context: Context, options: { format: Format }): Promise<void> {
  const settings = await explainConfig(hostPlatform, context.options);
  await context.warnOfVariables();
  if (options.format === "json") {
    writeJson(settings);
    return;
  }
  writeOut(table(
    ["KEY", "VALUE", "FROM"],
    settings.map((setting) => [setting.key, String(setting.value ?? "-"), originOf(setting)]),
    { style: (_, row) => settings[row]!.source === "unset" ? "dim" : undefined },
  ));
}

/** `larder config path`: prints the path of the config file, which need not exist. */
export function configPath(context: Context): void {
  const path = fileOf(context);
  writeOut(`${path}\n`);
  if (!statIfAny(path)) context.info(`${path} does not exist: larder config init writes it`);
}

/** `larder config get`: prints the value. */
export async function configGet(
  context: Context,
  key: string,
  options: { format: Format },
): Promise<void> {
  const setting = await explainSetting(hostPlatform, context.options, findSetting(key));
  if (options.format === "json") {
    writeJson(setting);
    return;
  }
  if (setting.value === null) {
    throw new LarderError("LDR_NOT_FOUND", `${key} is not set and has no default`, {
      hint: `set it with larder config set ${key} VALUE`,
    });
  }
  writeOut(`${setting.value}\n`);
  context.info(`source: ${originOf(setting)}`);
}

/** `larder config set`: writes a value to the config file. */
export async function configSet(context: Context, key: string, text: string): Promise<void> {
  const keyed = findSetting(key);
  const read = readValue(keyed.setting, text, `cannot set ${key}`);
  // A path is relative to the folder in which it was typed, as for options and variables.
  const value = keyed.setting.isPath ? resolve(expandHome(hostPlatform, String(read))) : read;
  const path = fileOf(context);
  const { setInFile } = await import("../../config/edit.ts");
  setInFile(path, keyed, value);
  context.info(`set ${key} to ${value} in ${path}`);
  const setting = await explainSetting(hostPlatform, context.options, keyed);
  if (setting.source !== "file") {
    context.warn(`${setting.from} overrides the file: ${key} is ${setting.value}`);
  }
}

/** `larder config unset`: removes a setting from the config file. */
export async function configUnset(context: Context, key: string): Promise<void> {
  const keyed = findSetting(key);
  const path = fileOf(context);
  const { unsetInFile } = await import("../../config/edit.ts");
  if (!unsetInFile(path, keyed)) {
    throw new LarderError("LDR_NOT_FOUND", `${key} is not set in ${path}`, {
      hint: `larder config get ${key} prints its value and where it comes from`,
    });
  }
  context.info(`unset ${key} in ${path}`);
  const setting = await explainSetting(hostPlatform, context.options, keyed);
  context.info(
    setting.value === null
      ? `${key} has no value now`
      : `${key} is ${setting.value} now (source: ${originOf(setting)})`,
  );
}

function fileOf({ options }: Context): string {
  // configRoot fails without a home folder, with a hint.
  return findConfig(hostPlatform, options.config).path ?? configRoot(hostPlatform).path;
}

function originOf({ source, from }: Explanation): string {
  return from ?? (source === "default" ? "default" : "not set");
}
