import type { Command } from "commander";
import { Context } from "./context.ts";
import { ITEM_TYPES } from "./items.ts";
import { filterOption, formatOption, templateOption, typeOption } from "./options.ts";

/** Adds the commands that look at the cache and change nothing in it. */
export function addViewCommands(program: Command): void {
  program.command("list")
    .description("Say how much the cache holds; with -v, list it.")
    .addOption(typeOption(ITEM_TYPES))
    .addOption(filterOption())
    .option("--sort <field>", "list in this order: a field, or field:desc")
    .addOption(templateOption())
    .action(async (options, command: Command) => {
      const { list } = await import("./commands/list.ts");
      await list(await Context.of(command), options);
    });

  program.command("info")
    .description(
      "Tell what an entry, a manifest or a blob consists of, who shares it, and where it lies.",
    )
    .argument("<name>", "a name or digest, or the beginning of one")
    .addOption(formatOption())
    .action(async (name: string, options, command: Command) => {
      const { info } = await import("./commands/info.ts");
      await info(await Context.of(command), name, options);
    });

  program.command("df")
    .description("Show what takes the space, and what gc would free under the current limits.")
    .option("--html <file>", "also write a page with a map of it all")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { df } = await import("./commands/df.ts");
      await df(await Context.of(command), options);
    });
}
