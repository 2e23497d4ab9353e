/** The verbs that deal with packages and builds. */

import { parseDigest } from "../../oci/digest.ts";
import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import {
  buildOptions,
  collect,
  formatOption,
  frozenOption,
  transfersOption,
  valueOption,
} from "../options.ts";

export function addBuild(program: LarderCommand): void {
  program.command("build")
    .summary("Build a file from inputs by a command, or take the result from the cache.")
    .description(
      "Build a file from inputs by a command, or take the result from the cache if inputs, packages, " +
        "references, environment and command are the same. Either a spec file says what to build, or the " +
        "options and the command after --. The command finds the inputs in its folder, and writes its " +
        "result to $LARDER_OUTPUT.",
    )
    .argument("[spec]", "YAML file that says what to build")
    .argument("[command...]", "after --: program that builds, and its arguments")
    .option("-i, --input <path>", "file or folder that the command reads (repeatable)", collect)
    .option("--ref <reference>", "reference that the command reads (repeatable)", collect)
    .option("--env <name=value>", "environment variable of the command (repeatable)", collect)
    .option("--network", "let the command use the network")
    .addOptions(buildOptions())
    .action(async (spec: string | undefined, words: string[], options, command) => {
      const { build } = await import("../commands/build/build.ts");
      const { rawArgs } = program as unknown as { rawArgs: string[] };
      const all = spec === undefined ? [] : [spec, ...words];
      await build(await Context.of(command), all, rawArgs, options);
    });
}

export function addFetch(program: LarderCommand): void {
  program.command("fetch")
    .summary("Fetch packages into the cache, or take them from it, and copy them to a folder.")
    .description(
      "Fetch packages into the cache, or take them from it, and copy them to a folder. A package is kept " +
        "once under its source, name, version and architecture, which its file name states unless options " +
        "do. A cached package is given without a request. Prints the path of each package.",
    )
    .argument(
      "[package...]",
      "URL of a package, such as http://mirror/hello_2.10-3_amd64.deb; with --from, a name in the list",
    )
    .option(
      "--from <file|url>",
      "fetch the packages of a list, or the named ones of an InRelease, Packages or repomd.xml",
    )
    .option("--keyring <file>", "file of keys; one of them must have signed the index")
    .option("-o, --output <path>", "copy the package to this file, or the packages to this folder")
    .option("--to <dir>", "make this folder hold these packages and no others, or fail")
    .addOption(
      valueOption(
        "--digest <digest>",
        "sha256:… or sha512:… that the package must have",
        parseDigest,
      ),
    )
    .option("--name <name>", "name of the package")
    .option("--version <version>", "version of the package")
    .option("--arch <arch>", "architecture of the package")
    .option("--source <source>", "where the package is from; by default the repository in its URL")
    .option("--replace", "replace cached packages of the same name that have other content")
    .option("--no-package-cache", "neither use nor change the cache; needs --output or --to")
    .addOption(frozenOption())
    .addOption(transfersOption())
    .addOption(formatOption())
    .action(async (words: string[], options, command: LarderCommand) => {
      const { fetch } = await import("../commands/fetch/fetch.ts");
      await fetch(await Context.of(command), words, options);
    });
}

export function addLock(program: LarderCommand): void {
  program.command("lock")
    .summary("Write what references and packages are now to larder.lock, for --frozen.")
    .description(
      "Write the digests that references and packages have now to larder.lock in the current folder, also " +
        "those that a spec names; without arguments, those of everything that is in it. With --frozen, pull, " +
        "run, fetch and build use exactly these or fail. Prints what has changed.",
    )
    .argument(
      "[name...]",
      "reference such as ghcr.io/owner/app:v1, URL of a package, or SPEC.yaml; with --from, a name in the list",
    )
    .option("--from <file|url>", "lock the packages of a list, or the named ones of an index")
    .option("--keyring <file>", "file of keys; one of them must have signed the index")
    .option("--arch <arch>", "architecture of the packages of the list")
    .addOption(formatOption())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { lock } = await import("../commands/lock/lock.ts");
      await lock(await Context.of(command), names, options);
    });
}
