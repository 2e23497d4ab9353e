/** The verbs that deal with packages, and with what a project needs. */

import { parseDigest } from "../../oci/digest.ts";
import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import { formatOption, frozenOption, transfersOption, valueOption } from "../options.ts";

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
      "fetch the packages of a list, or those named of an InRelease, Packages or repomd.xml",
    )
    .option("--keyring <file>", "keys of which one must have signed the index")
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
      "Write the digests that references and packages have now to larder.lock in the current folder; " +
        "without arguments, those of everything that is in it. With --frozen, other commands use exactly " +
        "these or fail. Prints what has changed.",
    )
    .argument("[name...]", "reference such as ghcr.io/owner/app:v1, or URL of a package")
    .addOption(formatOption())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { lock } = await import("../commands/lock/lock.ts");
      await lock(await Context.of(command), names, options);
    });
}
