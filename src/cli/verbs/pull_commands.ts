/** The verbs that fetch artifacts, and run them. */

import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import {
  collect,
  formatOption,
  guestLimitOptions,
  pullingOptions,
  transfersOption,
} from "../options.ts";
import { ENTRIES, nameArgument, referenceArgument } from "../reference_argument.ts";

export function addPull(program: LarderCommand): void {
  program.command("pull")
    .description("Pull references into the cache, or confirm that the cached copies are current.")
    .addArgument(
      referenceArgument("[reference...]", "reference such as ghcr.io/owner/app:v1, or ./spin.toml"),
    )
    .addOptions(pullingOptions())
    .option("--all-platforms", "pull every platform of an index")
    .option("--foreign", "also fetch foreign layers from the URLs in their manifest")
    .addOption(formatOption())
    .action(async (references: string[], options, command: LarderCommand) => {
      const { pull } = await import("../commands/pull/pull.ts");
      await pull(await Context.of(command), references, options);
    });
}

export function addRun(program: LarderCommand): void {
  program.command("run")
    .summary("Pull a Spin app or Wasm package and run it, or run a file or a Spin project.")
    .description(
      "Pull a Spin app or Wasm package and run it, or run a Wasm file, a spin.toml or a folder with one. " +
        "Arguments after -- are passed to a command. An app serves HTTP requests until Ctrl-C. The guest " +
        "can access only the files, environment variables and hosts that are granted.",
    )
    .addArgument(
      referenceArgument(
        "[reference]",
        "reference such as ghcr.io/owner/app:v1, ./app.wasm, or a folder with a spin.toml",
      ),
    )
    .argument("[args...]", "arguments of a command")
    .option("--dir <host[::guest][:ro]>", "grant access to a folder (repeatable)", collect)
    .option("--env <name[=value]>", "set an environment variable (repeatable)", collect)
    .option("--allow-net [=hosts]", "grant access to HOST[:PORT],…; without =HOSTS, to every host")
    .option(
      "--variable <name=value>",
      "set a variable of Spin; also NAME=@FILE, @FILE.toml, @FILE.json (repeatable)",
      collect,
    )
    .option("--state <dir>", "folder of key-value stores and databases, or :memory:")
    .option("--runtime-config-file <file>", "Spin's runtime config: stores and variables")
    .option("--listen <host:port>", "address to serve HTTP on (default: 127.0.0.1:3000)")
    .addOptions(guestLimitOptions())
    .option("--engine [name]", "run with an installed spin or wasmtime; without a name, list them")
    .addOptions(pullingOptions())
    .action(async (reference: string | undefined, args: string[], options, command) => {
      const { run } = await import("../commands/run/run.ts");
      await run(await Context.of(command), reference, args, options);
    });
}

export function addUpdate(program: LarderCommand): void {
  program.command("update")
    .description("Pull the cached tags that have changed in their registries.")
    .addArgument(nameArgument("[name...]", ENTRIES))
    .option("--all", "update every cached tag")
    .addOption(transfersOption())
    .addOption(formatOption())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { update } = await import("../commands/outdated/update.ts");
      await update(await Context.of(command), names, options);
    });
}
