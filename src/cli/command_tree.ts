import { LarderCommand } from "./command.ts";
import { limitOptions } from "./commands/gc/limits.ts";
import { Context } from "./context.ts";
import {
  acceptGlobalOptions,
  collect,
  daysOption,
  filterOption,
  formatOption,
  globalOptions,
  pullingOptions,
  sweepOptions,
  templateOption,
  transfersOption,
  typeOption,
} from "./options.ts";
import { addBuild, addFetch } from "./package_commands.ts";
import { ITEM_TYPES } from "./query/items.ts";
import { nameArgument, referenceArgument } from "./reference_argument.ts";
import {
  addComplete,
  addCompletions,
  addConfig,
  addDir,
  addHelp,
  addLogin,
  addLogout,
} from "./settings_commands.ts";
import { writeErr, writeOut } from "./terminal/console.ts";
import { versionText } from "./version.ts";

const ENTRY = "name or digest of an entry, or a unique beginning of one";
const ENTRIES = `${ENTRY}, or a glob such as 'ghcr.io/acme/*'`;

type Verbs = Readonly<Record<string, (program: LarderCommand) => void>>;

/** The verbs in groups, in the order of the help. */
const GROUPS: Readonly<Record<string, Verbs>> = {
  "Pull and run:": { pull: addPull, run: addRun, update: addUpdate },
  "Packages and builds:": { build: addBuild, fetch: addFetch },
  "Look:": {
    df: addDf,
    images: addImages,
    info: addInfo,
    list: addList,
    outdated: addOutdated,
    pins: addPins,
    stats: addStats,
    why: addWhy,
  },
  "Keep in order:": { clean: addClean, gc: addGc, pin: addPin, unpin: addUnpin, verify: addVerify },
  "Settings:": {
    __complete: addComplete,
    completions: (program) => addCompletions(program, buildProgram),
    config: addConfig,
    dir: addDir,
    help: addHelp,
    login: addLogin,
    logout: addLogout,
  },
};

/**
 * Builds the command tree: the arguments, options and texts of every verb. What a verb does is in a folder of
 * `commands`, which is imported only when the verb runs.
 */
export function buildProgram(): LarderCommand {
  const program = programWith(() => true);
  program.commands.forEach(acceptGlobalOptions);
  return program;
}

/**
 * Builds the command tree to run a command line. Only the verb that runs gets the global options, and if words are
 * given, only verbs among them are built, unless there are none: a start needs one of two dozen.
 */
export function buildProgramToRun(words?: readonly string[]): LarderCommand {
  const isNamed = (verb: string) => words?.includes(verb) ?? true;
  const hasVerb = Object.values(GROUPS).some((verbs) => Object.keys(verbs).some(isNamed));
  const program = programWith(hasVerb ? isNamed : () => true);
  return program.hook("preSubcommand", (_, command) => acceptGlobalOptions(command));
}

function programWith(isBuilt: (verb: string) => boolean): LarderCommand {
  const program = new LarderCommand("larder")
    .description(
      "Pull artifacts from OCI registries, run them, keep them current, and keep disk usage under control.",
    )
    .version(versionText(), "-V, --version", "print the version, commit and runtime")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .showSuggestionAfterError()
    // `larder --config FILE dir` and `larder dir --config` are different options.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut, writeErr, outputError: () => {} });
  for (const [title, verbs] of Object.entries(GROUPS)) {
    program.commandsGroup(title);
    for (const [verb, add] of Object.entries(verbs)) if (isBuilt(verb)) add(program);
  }
  return program.addOptions(globalOptions());
}

function addClean(program: LarderCommand): void {
  program.command("clean").alias("rm")
    .summary("Remove entries from the cache; without names, all of them.")
    .description(
      "Remove entries from the cache, and delete the blobs that only they reference. Without names and " +
        "criteria, removes everything. Entries that are in use are kept, and pinned ones unless " +
        "--include-pinned is given; naming one of these is exit 1. Shows the plan and asks for " +
        "confirmation.",
    )
    .addArgument(nameArgument("[name...]", "name, digest, or glob such as 'ghcr.io/acme/*'"))
    .addOption(typeOption(ITEM_TYPES))
    .addOption(daysOption())
    .addOption(filterOption())
    .option("--include-pinned", "also remove pinned entries")
    .addOptions(sweepOptions())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { clean } = await import("./commands/gc/clean.ts");
      await clean(await Context.of(command), names, options);
    });
}

function addDf(program: LarderCommand): void {
  program.command("df")
    .description("Show disk usage, and what gc would free under the current limits.")
    .option(
      "--html <file>",
      "also write an HTML page with a map of the usage; - for only that page",
    )
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { df } = await import("./commands/df/df.ts");
      await df(await Context.of(command), options);
    });
}

function addGc(program: LarderCommand): void {
  program.command("gc").alias("prune")
    .summary(
      "Evict least recently used entries that exceed the limits, and delete unreferenced blobs.",
    )
    .description(
      "Evict least recently used entries that exceed the limits, and delete unreferenced blobs. The " +
        "limits are those of the config, overridden by the options. Entries that are pinned, in use, or " +
        "used within the last hour are kept. Shows the plan and asks for confirmation.",
    )
    .addOptions(limitOptions())
    .option("--plan <file>", "write the plan to a file, or - for stdout, and delete nothing")
    .option("--apply <file>", "delete what a plan lists, - for stdin, if it has not changed since")
    .option("--auto", "do not ask; do nothing within the limits or while other larders run")
    .addOptions(sweepOptions())
    .action(async (options, command: LarderCommand) => {
      const { gc } = await import("./commands/gc/gc.ts");
      await gc(await Context.of(command), options);
    });
}

/** `docker images` as users know it: `larder list --type image -v`. */
function addImages(program: LarderCommand): void {
  const images = program.command("images", { hidden: true });
  listOptions(images.description("List the images of the cache: larder list --type image -v."))
    .action(async (options, command: LarderCommand) => {
      const { list } = await import("./commands/list/list.ts");
      const type = ["image", ...options.type ?? []];
      await list(await Context.of(command), { ...options, type, table: true });
    });
}

function addInfo(program: LarderCommand): void {
  program.command("info").alias("inspect")
    .summary("Show the parts of an entry, manifest or blob, what shares them, and their paths.")
    .description(
      "Show the parts of an entry, manifest or blob, what shares them, and their paths. In a large cache, " +
        "only -v and JSON tell which entries of other repositories share them.",
    )
    .addArgument(nameArgument("<name>", ENTRY))
    .addOption(formatOption())
    .action(async (name: string, options, command: LarderCommand) => {
      const { info } = await import("./commands/info/info.ts");
      await info(await Context.of(command), name, options);
    });
}

function addList(program: LarderCommand): void {
  const list = program.command("list").alias("ls");
  listOptions(list.description("Show cache usage; with -v, list the entries."))
    .action(async (options, command: LarderCommand) => {
      const { list } = await import("./commands/list/list.ts");
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

function addOutdated(program: LarderCommand): void {
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
      const { outdated } = await import("./commands/outdated/outdated.ts");
      await outdated(await Context.of(command), names, options);
    });
}

function addPin(program: LarderCommand): void {
  program.command("pin")
    .description("Exempt entries from automatic removal; a glob also covers future entries.")
    .addArgument(nameArgument("<name...>", "name, digest, or glob such as 'ghcr.io/acme/*'"))
    .option("--note <text>", "reason, shown by larder pins")
    .action(async (names: string[], options, command: LarderCommand) => {
      const { pin } = await import("./commands/pin/pin.ts");
      await pin(await Context.of(command), names, options);
    });
}

function addPins(program: LarderCommand): void {
  program.command("pins")
    .description("List the pinned entries and globs.")
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { pins } = await import("./commands/pin/pin.ts");
      await pins(await Context.of(command), options);
    });
}

function addPull(program: LarderCommand): void {
  program.command("pull")
    .description("Pull references into the cache, or confirm that the cached copies are current.")
    .addArgument(
      referenceArgument("<reference...>", "reference such as ghcr.io/owner/app:v1, or ./spin.toml"),
    )
    .addOptions(pullingOptions())
    .option("--all-platforms", "pull every platform of an index")
    .option("--foreign", "also fetch foreign layers from the URLs in their manifest")
    .addOption(formatOption())
    .action(async (references: string[], options, command: LarderCommand) => {
      const { pull } = await import("./commands/pull/pull.ts");
      await pull(await Context.of(command), references, options);
    });
}

function addRun(program: LarderCommand): void {
  program.command("run")
    .summary("Pull a Spin app or Wasm package and run it, or run a Wasm file.")
    .description(
      "Pull a Spin app or Wasm package and run it, or run a Wasm file. Arguments after -- are passed to a " +
        "command. An app serves HTTP requests until Ctrl-C. The guest can access only the files, " +
        "environment variables and hosts that are granted.",
    )
    .addArgument(
      referenceArgument("[reference]", "reference such as ghcr.io/owner/app:v1, or ./app.wasm"),
    )
    .argument("[args...]", "arguments of a command")
    .option("--dir <host[::guest][:ro]>", "grant access to a folder (repeatable)", collect)
    .option("--env <name[=value]>", "set an environment variable (repeatable)", collect)
    .option("--allow-net [=hosts]", "grant access to HOST[:PORT],…; without =HOSTS, to every host")
    .option("--variable <name=value>", "set a variable of a Spin app (repeatable)", collect)
    .option("--listen <host:port>", "address to serve HTTP on (default: 127.0.0.1:3000)")
    .option("--engine [name]", "run with an installed spin or wasmtime; without a name, list them")
    .addOptions(pullingOptions())
    .action(async (reference: string | undefined, args: string[], options, command) => {
      const { run } = await import("./commands/run/run.ts");
      await run(await Context.of(command), reference, args, options);
    });
}

function addStats(program: LarderCommand): void {
  program.command("stats")
    .description("Show cache hits, misses, fetched bytes, and evictions that were fetched again.")
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { stats } = await import("./commands/stats/stats.ts");
      stats(await Context.of(command), options);
    });
}

function addUnpin(program: LarderCommand): void {
  program.command("unpin")
    .description("Remove pins.")
    .addArgument(nameArgument("<name...>", "name or glob, as larder pins lists it"))
    .action(async (names: string[], _options, command: LarderCommand) => {
      const { unpin } = await import("./commands/pin/pin.ts");
      await unpin(await Context.of(command), names);
    });
}

function addUpdate(program: LarderCommand): void {
  program.command("update")
    .description("Pull the cached tags that have changed in their registries.")
    .addArgument(nameArgument("[name...]", ENTRIES))
    .option("--all", "update every cached tag")
    .addOption(transfersOption())
    .addOption(formatOption())
    .action(async (names: string[], options, command: LarderCommand) => {
      const { update } = await import("./commands/outdated/update.ts");
      await update(await Context.of(command), names, options);
    });
}

function addVerify(program: LarderCommand): void {
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
      const { verify } = await import("./commands/verify/verify.ts");
      await verify(await Context.of(command), names, options);
    });
}

function addWhy(program: LarderCommand): void {
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
      const { why } = await import("./commands/why/why.ts");
      await why(await Context.of(command), name, options);
    });
}
