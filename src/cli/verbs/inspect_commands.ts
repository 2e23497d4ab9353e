/** The verbs that show what is in the cache, and change nothing. */

import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import { filterOption, formatOption, templateOption, typeOption } from "../options.ts";
import { ITEM_TYPES } from "../query/items.ts";
import { ENTRIES, ENTRY, nameArgument } from "../reference_argument.ts";

export function addDf(program: LarderCommand): void {
  program.command("df")
    .description("Show disk usage, and what gc would free under the current limits.")
    .option(
      "--html <file>",
      "also write an HTML page with a map of the usage; - for only that page",
    )
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { df } = await import("../commands/df/df.ts");
      await df(await Context.of(command), options);
    });
}

/** `docker images` as users know it: `larder list --type image -v`. */
export function addImages(program: LarderCommand): void {
  const images = program.command("images", { hidden: true });
  listOptions(images.description("List the images of the cache: larder list --type image -v."))
    .action(async (options, command: LarderCommand) => {
      const { list } = await import("../commands/list/list.ts");
      const type = ["image", ...options.type ?? []];
      await list(await Context.of(command), { ...options, type, table: true });
    });
}

export function addInfo(program: LarderCommand): void {
  program.command("info").alias("inspect")
    .summary("Show the parts of an entry, manifest or blob, what shares them, and their paths.")
    .description(
      "Show the parts of an entry, manifest or blob, what shares them, and their paths. In a large cache, " +
        "only -v and JSON tell which entries of other repositories share them.",
    )
    .addArgument(nameArgument("<name>", ENTRY))
    .addOption(formatOption())
    .action(async (name: string, options, command: LarderCommand) => {
      const { info } = await import("../commands/info/info.ts");
      await info(await Context.of(command), name, options);
    });
}

export function addList(program: LarderCommand): void {
  const list = program.command("list").alias("ls");
  listOptions(list.description("Show cache usage; with -v, list the entries."))
    .action(async (options, command: LarderCommand) => {
      const { list } = await import("../commands/list/list.ts");
      await list(await Context.of(command), options);
    });
}

function listOptions(command: LarderCommand): LarderCommand {
  return command
    .addOption(typeOption(ITEM_TYPES))
    .addOption(filterOption())
    .option("--sort <field>", "list the entries sorted by a field: size, or size:desc")
    .addOption(templateOption());
}

export function addOutdated(program: LarderCommand): void {
  program.command("outdated")
    .summary("Check which cached tags have changed in their registries.")
    .description(
      "Check which cached tags have changed in their registries, no longer exist there, or cannot be " +
        "checked. Fetches only the manifests of changed tags.",
    )
    .addArgument(nameArgument("[name...]", ENTRIES))
    .option("--all", "also list current tags")
    .option("--exit-code", "exit with 10 if a tag has changed")
    .addOption(formatOption())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { outdated } = await import("../commands/outdated/outdated.ts");
      await outdated(await Context.of(command), names, options);
    });
}

export function addPins(program: LarderCommand): void {
  program.command("pins")
    .description("List the pinned entries and globs.")
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { pins } = await import("../commands/pin/pin.ts");
      await pins(await Context.of(command), options);
    });
}

export function addStats(program: LarderCommand): void {
  program.command("stats")
    .description("Show cache hits, misses, fetched bytes, and evictions that were fetched again.")
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { stats } = await import("../commands/stats/stats.ts");
      stats(await Context.of(command), options);
    });
}

export function addWhy(program: LarderCommand): void {
  program.command("why")
    .summary(
      "Explain why an entry or blob is kept, when gc would remove it, and why it was fetched.",
    )
    .description(
      "Explain why an entry or blob is kept, when gc would remove it, and why it was fetched; of a spec, " +
        "how its build differs from the nearest cached one.",
    )
    .addArgument(nameArgument("<name>", `${ENTRY}, or a spec such as image.yaml`))
    .addOption(formatOption())
    .action(async (name: string, options, command: LarderCommand) => {
      const { why } = await import("../commands/why/why.ts");
      await why(await Context.of(command), name, options);
    });
}
