import { LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files.ts";
import { configRoot, hostPlatform } from "../../../store/platform_dirs.ts";
import { explainConfig, explainSetting, type Explanation } from "../../config/explain.ts";
import { configPath as findConfig } from "../../config/path.ts";
import { findPlace, readValue } from "../../config/settings.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { table } from "../../terminal/text_layout.ts";

/** `larder config init`: the path of the new file on stdout. */
export async function configInit(context: Context, options: { force?: boolean }): Promise<void> {
  const path = fileOf(context);
  const { writeInitialFile } = await import("../../config/edit.ts");
  writeInitialFile(path, { replace: options.force ?? false });
  writeOut(`${path}\n`);
  context.info("everything in it is a comment: take the # away from what you want to set");
}

/** `larder config show`: a line for each setting. */
export async function configShow(context: Context, options: { format: Format }): Promise<void> {
  const settings = await explainConfig(hostPlatform, context.options);
  if (options.format === "json") {
    writeJson(settings);
    return;
  }
  writeOut(table(
    ["KEY", "VALUE", "FROM"],
    settings.map((setting) => [setting.key, String(setting.value ?? "-"), originOf(setting)]),
  ));
}

/** `larder config path`: the file that is read, whether it is there or not. */
export function configPath(context: Context): void {
  const path = fileOf(context);
  writeOut(`${path}\n`);
  if (!statIfAny(path)) context.info("it does not exist: larder config init writes one");
}

/** `larder config get`: the value alone. */
export async function configGet(
  context: Context,
  key: string,
  options: { format: Format },
): Promise<void> {
  const setting = await explainSetting(hostPlatform, context.options, findPlace(key));
  if (options.format === "json") {
    writeJson(setting);
    return;
  }
  if (setting.value === null) {
    throw new LarderError("LDR_NOT_FOUND", `${key} is not set, and nothing holds without it`, {
      hint: `set it with larder config set ${key} VALUE`,
    });
  }
  writeOut(`${setting.value}\n`);
  context.info(`decided by ${originOf(setting)}`);
}

/** `larder config set`: says where it was written. */
export async function configSet(context: Context, key: string, text: string): Promise<void> {
  const place = findPlace(key);
  const value = readValue(place.setting, text, `${key} cannot be "${text}"`);
  const path = fileOf(context);
  const { setInFile } = await import("../../config/edit.ts");
  setInFile(path, place, value);
  context.info(`set ${key} to ${value} in ${path}`);
  const setting = await explainSetting(hostPlatform, context.options, place);
  if (setting.source !== "file") {
    context.warn(`${setting.from} beats the file: ${key} is ${setting.value}`);
  }
}

/** `larder config unset`: says what holds now. */
export async function configUnset(context: Context, key: string): Promise<void> {
  const place = findPlace(key);
  const path = fileOf(context);
  const { unsetInFile } = await import("../../config/edit.ts");
  if (!unsetInFile(path, place)) {
    throw new LarderError("LDR_NOT_FOUND", `${key} is not set in ${path}`, {
      hint: `larder config get ${key} says what holds, and why`,
    });
  }
  context.info(`unset ${key} in ${path}`);
  const setting = await explainSetting(hostPlatform, context.options, place);
  context.info(
    setting.value === null
      ? "nothing holds in its place"
      : `it is ${setting.value} now, decided by ${originOf(setting)}`,
  );
}

function fileOf({ options }: Context): string {
  // Without a home folder this says what to do.
  return findConfig(hostPlatform, options.config).path ?? configRoot(hostPlatform).path;
}

function originOf({ source, from }: Explanation): string {
  return from ?? (source === "default" ? "default" : "not set");
}
