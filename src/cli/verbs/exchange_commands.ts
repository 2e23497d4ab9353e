/** The commands that write entries to files, and read them from files. */

import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import { formatOption } from "../options.ts";
import { ENTRIES, nameArgument } from "../reference_argument.ts";

export function addExport(program: LarderCommand): void {
  program.command("export")
    .summary("Write entries to a file, or to a bundle for another machine or program.")
    .description(
      "Write entries to a file, or to a bundle for another machine or program. One package or build becomes " +
        "its file. References become an OCI image layout, which skopeo, Podman and umoci read: an archive " +
        "if the path ends in .tar, .tar.gz or .tar.zst, otherwise a folder; - is an archive on standard " +
        "output. Several names, or a glob, become one bundle.",
    )
    .usage("[options] <name...> <path>")
    .addArgument(nameArgument("<name...>", `${ENTRIES}; the last argument is the path`))
    .option("--since <file>", "leave out the blobs that an earlier bundle has")
    .option("--force", "replace a file, or a folder that is an OCI image layout")
    .addOption(formatOption())
    .action(async (words: string[], options, command: LarderCommand) => {
      const { exportCommand } = await import("../commands/export/export.ts");
      await exportCommand(await Context.of(command), words, options);
    });
}

export function addImport(program: LarderCommand): void {
  program.command("import")
    .summary("Add a bundle, an archive of images, or a file to the cache.")
    .description(
      "Add a bundle, an archive of images, or a file to the cache: what larder export, docker save, podman " +
        "save and skopeo write, and the caches of Spin and Apptainer. All of it is verified before any of " +
        "it is visible. Another file becomes a build.",
    )
    .argument("<path>", "file or folder; - for standard input")
    .option("--as <name>", "name of the only image or of the file; NAME@DIGEST chooses an image")
    .addOption(formatOption())
    .action(async (path: string, options, command: LarderCommand) => {
      const { importCommand } = await import("../commands/import/import.ts");
      await importCommand(await Context.of(command), path, options);
    });
}
