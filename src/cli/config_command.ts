import type { Command } from "commander";
import { Context } from "./context.ts";
import { formatOption, globalOptionsOf } from "./options.ts";

/** Adds `larder config` and what is below it. Its commands read the config file themselves: it may be a broken one. */
export function addConfigCommand(program: Command): void {
  const config = program.command("config")
    .description("Show and change larder's settings.");

  config.command("init")
    .description("Write a config file that shows every setting in comments.")
    .option("--force", "replace the file that is there")
    .action(async (options, command: Command) => {
      const { configInit } = await import("./commands/config.ts");
      await configInit(contextOf(command), options);
    });

  config.command("show")
    .description("List every setting, what it is, and where that comes from.")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { configShow } = await import("./commands/config.ts");
      await configShow(contextOf(command), options);
    });

  config.command("path")
    .description("Print which config file is read.")
    .action(async (_options, command: Command) => {
      const { configPath } = await import("./commands/config.ts");
      configPath(contextOf(command));
    });

  config.command("get")
    .description("Print what a setting is.")
    .argument("<key>", "such as gc.max_size")
    .addOption(formatOption())
    .action(async (key: string, options, command: Command) => {
      const { configGet } = await import("./commands/config.ts");
      await configGet(contextOf(command), key, options);
    });

  config.command("set")
    .description("Change a setting in the config file; all else in it stays as it is.")
    .argument("<key>", "such as gc.max_size or registries.ghcr.io.insecure")
    .argument("<value>", "such as 20GB")
    .action(async (key: string, value: string, _options, command: Command) => {
      const { configSet } = await import("./commands/config.ts");
      await configSet(contextOf(command), key, value);
    });

  config.command("unset")
    .description("Take a setting out of the config file; all else in it stays as it is.")
    .argument("<key>", "such as gc.max_size or registries.ghcr.io.insecure")
    .action(async (key: string, _options, command: Command) => {
      const { configUnset } = await import("./commands/config.ts");
      await configUnset(contextOf(command), key);
    });
}

function contextOf(command: Command): Context {
  return Context.withoutConfig(globalOptionsOf(command));
}
