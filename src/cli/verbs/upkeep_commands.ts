/** The verbs that keep the cache in order. */

import type { LarderCommand } from "../command.ts";
import { limitOptions } from "../commands/gc/limits.ts";
import { Context } from "../context.ts";
import {
  daysOption,
  filterOption,
  formatOption,
  sweepOptions,
  transfersOption,
  typeOption,
} from "../options.ts";
import { ITEM_TYPES } from "../query/items.ts";
import { ENTRIES, nameArgument } from "../reference_argument.ts";

export function addClean(program: LarderCommand): void {
  program.command("clean").alias("rm")
    .summary("Remove entries from the cache; without names, all of them.")
    .description(
      "Remove entries from the cache, and delete the blobs that only they reference. Without names and " +
        "criteria, removes everything. Entries that are in use are kept, and pinned ones unless " +
        "--include-pinned is given; naming one of these is exit 1. What was pushed to larder serve " +
        "is removed only by its name or a glob. Shows the plan and asks for confirmation.",
    )
    .addArgument(nameArgument("[name...]", "name, digest, or glob such as 'ghcr.io/acme/*'"))
    .addOption(typeOption(ITEM_TYPES))
    .addOption(daysOption())
    .addOption(filterOption())
    .option("--include-pinned", "also remove pinned entries")
    .addOptions(sweepOptions())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { clean } = await import("../commands/gc/clean.ts");
      await clean(await Context.of(command), names, options);
    });
}

export function addGc(program: LarderCommand): void {
  program.command("gc").alias("prune")
    .summary(
      "Evict least recently used entries that exceed the limits, and delete unreferenced blobs.",
    )
    .description(
      "Evict least recently used entries that exceed the limits, and delete unreferenced blobs. The " +
        "limits are those of the config, overridden by the options. Entries that are pinned, pushed, in " +
        "use, or used within the last hour are kept. Shows the plan and asks for confirmation.",
    )
    .addOptions(limitOptions())
    .option("--plan <file>", "write the plan to a file, or - for stdout, and delete nothing")
    .option("--apply <file>", "delete what a plan lists, - for stdin, if it has not changed since")
    .option("--auto", "do not ask; do nothing within the limits or while other larders run")
    .addOptions(sweepOptions())
    .action(async (options, command: LarderCommand) => {
      const { gc } = await import("../commands/gc/gc.ts");
      await gc(await Context.of(command), options);
    });
}

export function addPin(program: LarderCommand): void {
  program.command("pin")
    .description("Exempt entries from automatic removal; a glob also covers future entries.")
    .addArgument(nameArgument("<name...>", "name, digest, or glob such as 'ghcr.io/acme/*'"))
    .option("--note <text>", "reason, shown by larder pins")
    .action(async (names: string[], options, command: LarderCommand) => {
      const { pin } = await import("../commands/pin/pin.ts");
      await pin(await Context.of(command), names, options);
    });
}

export function addUnpin(program: LarderCommand): void {
  program.command("unpin")
    .description("Remove pins.")
    .addArgument(nameArgument("<name...>", "name or glob, as larder pins lists it"))
    .action(async (names: string[], _options, command: LarderCommand) => {
      const { unpin } = await import("../commands/pin/pin.ts");
      await unpin(await Context.of(command), names);
    });
}

export function addVerify(program: LarderCommand): void {
  program.command("verify")
    .summary("Check the cache for damaged, missing and misplaced files.")
    .description(
      "Check the cache, or some entries, for damaged, missing and misplaced files: hashes every file and " +
        "compares it with its digest. Exits with 5 if a problem remains.",
    )
    .addArgument(nameArgument("[name...]", ENTRIES))
    .option("--repair", "remove damaged files, and fetch by digest what entries need")
    .addOption(transfersOption())
    .addOption(formatOption())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { verify } = await import("../commands/verify/verify.ts");
      await verify(await Context.of(command), names, options);
    });
}
