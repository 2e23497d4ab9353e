import type { Command } from "commander";
import { Context } from "./context.ts";
import { formatOption, wholeNumber } from "./options.ts";

const NAMES = "a name or the beginning of one, a digest, or a glob such as 'ghcr.io/acme/*'";

/** Adds the commands that keep what is cached current and whole, and that say how it came to be there. */
export function addUpkeepCommands(program: Command): void {
  addOutdated(program);

  program.command("update")
    .description("Pull the cached tags that stand for something else by now.")
    .argument("[name...]", NAMES)
    .option("--all", "all tags of the cache")
    .option("--transfers <n>", "transfers at once (default: 16)", wholeNumber)
    .addOption(formatOption())
    .action(async (names: string[], options, command: Command) => {
      const { update } = await import("./commands/update.ts");
      await update(await Context.of(command), names, options);
    });

  program.command("verify")
    .summary("Check that everything in the cache is what it should be.")
    .description(
      "Check that everything in the cache, or all that some entries need, is what it should be: hash " +
        "every file, and look for what is missing, in the wrong place, or of no use. Ends with 5 if " +
        "something is wrong and stays so.",
    )
    .argument("[name...]", NAMES)
    .option("--repair", "remove what is bad, and fetch again by digest what entries need")
    .option("--transfers <n>", "transfers at once (default: 16)", wholeNumber)
    .addOption(formatOption())
    .action(async (names: string[], options, command: Command) => {
      const { verify } = await import("./commands/verify.ts");
      await verify(await Context.of(command), names, options);
    });

  addTellingCommands(program);
}

/** Adds the commands that look at what was, and at what would be. */
function addTellingCommands(program: Command): void {
  program.command("why")
    .summary("Say what keeps an entry or a blob, when gc would take it, and why it was fetched.")
    .description(
      "Say what keeps an entry, a manifest or a blob, and when gc would take it by which rule; and why " +
        "it was fetched again, or is no more.",
    )
    .argument("<name>", "a name or digest, or the beginning of one that only one has")
    .addOption(formatOption())
    .action(async (name: string, options, command: Command) => {
      const { why } = await import("./commands/why.ts");
      await why(await Context.of(command), name, options);
    });

  program.command("stats")
    .description("Count hits, misses and bytes, and what gc took too early.")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { stats } = await import("./commands/stats.ts");
      stats(await Context.of(command), options);
    });
}

function addOutdated(program: Command): void {
  program.command("outdated")
    .summary("Ask the registries which cached tags stand for something else by now.")
    .description(
      "Ask the registries which cached tags stand for something else by now, are gone, or cannot be " +
        "asked about. Nothing is fetched but the manifests of what moved.",
    )
    .argument("[name...]", NAMES)
    .option("--all", "also list what is current")
    .option("--exit-code", "end with 10 if something is behind")
    .addOption(formatOption())
    .action(async (names: string[], options, command: Command) => {
      const { outdated } = await import("./commands/outdated.ts");
      await outdated(await Context.of(command), names, options);
    });
}
