import { type Command, InvalidArgumentError } from "commander";
import { Context } from "./context.ts";
import { ITEM_TYPES } from "./items.ts";
import { addLimitOptions } from "./limit_options.ts";
import { filterOption, formatOption, typeOption } from "./options.ts";

/** Adds the commands that free space, and those that say what must not go. */
export function addSpaceCommands(program: Command): void {
  addSweepingOptions(
    addLimitOptions(
      program.command("gc")
        .summary("Remove what goes beyond the limits of the config and the options.")
        .description(
          "Remove what goes beyond the limits of the config and the options, least recently used " +
            "first, and what nothing needs any more. What is pinned, in use or was used within the " +
            "hour stays. Shows the plan and asks.",
        ),
    )
      .option("--plan <file>", "only write the plan to a file")
      .option("--apply <file>", "remove what a plan lists, but for what has changed since")
      .option("--auto", "do not ask; do nothing within the limits, or while others are at work"),
  ).action(async (options, command: Command) => {
    const { gc } = await import("./commands/gc.ts");
    await gc(await Context.of(command), options);
  });

  addSweepingOptions(
    program.command("clean")
      .summary("Remove entries from the cache; without names, all that is in it.")
      .description(
        "Remove entries from the cache, and then what nothing needs any more; without names and " +
          "criteria, all that is in it. What is in use stays, and what is pinned unless it is asked " +
          "for too. Shows what would go and asks.",
      )
      .argument("[name...]", "what to remove: a name, a glob such as 'ghcr.io/acme/*', a digest")
      .addOption(typeOption(ITEM_TYPES))
      .option("--days <n>", "only what was not used for so many days", days)
      .addOption(filterOption())
      .option("--include-pinned", "also what is pinned"),
  ).action(async (names: string[], options, command: Command) => {
    const { clean } = await import("./commands/clean.ts");
    await clean(await Context.of(command), names, options);
  });

  addPinCommands(program);
}

function addPinCommands(program: Command): void {
  program.command("pin")
    .description("Keep entries from every automatic removal; a glob also keeps what comes later.")
    .argument("<name...>", "a name, or a glob such as 'ghcr.io/acme/*'")
    .option("--note <text>", "why, for whoever asks")
    .action(async (names: string[], options, command: Command) => {
      const { pin } = await import("./commands/pin.ts");
      await pin(await Context.of(command), names, options);
    });

  program.command("unpin")
    .description("Take pins away.")
    .argument("<name...>", "a name or glob, as larder pins lists it")
    .action(async (names: string[], _options, command: Command) => {
      const { unpin } = await import("./commands/pin.ts");
      await unpin(await Context.of(command), names);
    });

  program.command("pins")
    .description("List what is pinned.")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { pins } = await import("./commands/pin.ts");
      await pins(await Context.of(command), options);
    });
}

function addSweepingOptions(command: Command): Command {
  return command
    .option("--dry-run", "only show what would go")
    .option("--force", "do not ask")
    .addOption(formatOption());
}

function days(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number of days.");
}
