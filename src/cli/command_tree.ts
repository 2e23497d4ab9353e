import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { writeErr, writeOut } from "./terminal/console.ts";
import { Context } from "./context.ts";
import { ITEM_TYPES } from "./query/items.ts";
import {
  duration,
  filterOption,
  formatOption,
  globalOptions,
  globalOptionsOf,
  POLICIES,
  type Shell,
  SHELLS,
  templateOption,
  typeOption,
  wholeNumber,
} from "./options.ts";
import { addLimitOptions } from "./commands/gc/limits.ts";
import manifest from "../../deno.json" with { type: "json" };

/**
 * The command tree. A command's options stand here, so that help and completions are at hand; what it does is
 * in `commands/<verb>.ts`, loaded only when it is called, since start-up is what users meet first.
 *
 * @param options.toRun for running one command: only that one gets the global options, as there are many of both
 */
export function buildProgram(options: { toRun?: boolean } = {}): Command {
  const program = new Command("larder")
    .description("Pull what lives in OCI registries, keep it fresh, keep the disk in order.")
    .version(versionText(), "-V, --version", "print the version, commit and runtime")
    .helpOption("-h, --help", "print help")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    // An option before the verb is larder's, one after it the command's: `dir --config` needs the difference.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut, writeErr, outputError: () => {} });

  addPullingOptions(
    program.command("pull")
      .description(
        "Fetch references into the cache, or confirm that the cached copies are current.",
      )
      .argument("<reference...>", "what to pull, such as ghcr.io/owner/app:v1 or ./spin.toml"),
  )
    .option("--all-platforms", "take every platform of an index")
    .option("--foreign", "also fetch foreign layers, from the URLs their manifest names")
    .addOption(formatOption())
    .action(async (references: string[], options, command: Command) => {
      const { pull } = await import("./commands/pull/pull.ts");
      await pull(await Context.of(command), references, options);
    });

  addRunCommand(program);

  addViewCommands(program);

  addSpaceCommands(program);

  addUpkeepCommands(program);

  program.command("login")
    .description("Check a user name and a password with a registry, and store them.")
    .argument("<registry>", "such as ghcr.io or localhost:5000")
    .option("-u, --username <name>", "the user name; asked for on the terminal if left out")
    .option("--password-stdin", "read the password from standard input")
    .action(async (registry: string, options, command: Command) => {
      const { login } = await import("./commands/login/login.ts");
      await login(await Context.of(command), registry, options);
    });

  program.command("logout")
    .description("Remove what login stored for a registry.")
    .argument("<registry>", "such as ghcr.io or localhost:5000")
    .action(async (registry: string, _options, command: Command) => {
      const { logout } = await import("./commands/login/logout.ts");
      logout(await Context.of(command), registry);
    });

  program.command("dir")
    .description("Print where the cache is and which rule decided it.")
    .option("--config", "print the config folder instead")
    .option("--json", "print as JSON")
    .action(async (options, command: Command) => {
      const { dir } = await import("./commands/dir/dir.ts");
      dir(await Context.of(command), options);
    });

  program.command("completions")
    .summary("Print a script that completes larder's command line in a shell.")
    .description(
      "Print a script that completes larder's command line in a shell. Where to put it:\n" +
        "  bash        ~/.local/share/bash-completion/completions/larder\n" +
        "  zsh         a file _larder in a folder of $fpath\n" +
        "  fish        ~/.config/fish/completions/larder.fish\n" +
        "  powershell  in $PROFILE: larder completions powershell | Out-String | Invoke-Expression",
    )
    .addArgument(new Argument("<shell>", "the shell to complete in").choices(SHELLS))
    .action(async (shell: Shell) => {
      const { completions } = await import("./commands/completions/completions.ts");
      completions(buildProgram(), shell);
    });

  addConfigCommand(program);

  for (const option of globalOptions()) program.addOption(option);
  if (options.toRun) program.hook("preSubcommand", (_, command) => acceptGlobalOptions(command));
  else program.commands.forEach(acceptGlobalOptions);
  return program;
}

/** Takes the global options behind the verb too, but for those that the command has a use of its own for. */
function acceptGlobalOptions(command: Command): void {
  const own = new Set(command.options.flatMap((option) => [option.long, option.short]));
  for (const option of globalOptions()) {
    if (!own.has(option.long) && !own.has(option.short ?? "-")) {
      command.addOption(option.hideHelp());
    }
  }
  for (const child of command.commands) acceptGlobalOptions(child);
}

/** Adds the commands that look at the cache and change nothing in it. */
export function addViewCommands(program: Command): void {
  program.command("list")
    .description("Say how much the cache holds; with -v, list it.")
    .addOption(typeOption(ITEM_TYPES))
    .addOption(filterOption())
    .option("--sort <field>", "list in this order: a field, or field:desc")
    .addOption(templateOption())
    .action(async (options, command: Command) => {
      const { list } = await import("./commands/list/list.ts");
      await list(await Context.of(command), options);
    });

  program.command("info")
    .description(
      "Tell what an entry, a manifest or a blob consists of, who shares it, and where it lies.",
    )
    .argument("<name>", "a name or digest, or the beginning of one")
    .addOption(formatOption())
    .action(async (name: string, options, command: Command) => {
      const { info } = await import("./commands/info/info.ts");
      await info(await Context.of(command), name, options);
    });

  program.command("df")
    .description("Show what takes the space, and what gc would free under the current limits.")
    .option("--html <file>", "also write a page with a map of it all")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { df } = await import("./commands/df/df.ts");
      await df(await Context.of(command), options);
    });
}

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
    const { gc } = await import("./commands/gc/gc.ts");
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
    const { clean } = await import("./commands/gc/clean.ts");
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
      const { pin } = await import("./commands/pin/pin.ts");
      await pin(await Context.of(command), names, options);
    });

  program.command("unpin")
    .description("Take pins away.")
    .argument("<name...>", "a name or glob, as larder pins lists it")
    .action(async (names: string[], _options, command: Command) => {
      const { unpin } = await import("./commands/pin/pin.ts");
      await unpin(await Context.of(command), names);
    });

  program.command("pins")
    .description("List what is pinned.")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { pins } = await import("./commands/pin/pin.ts");
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
      const { update } = await import("./commands/outdated/update.ts");
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
      const { verify } = await import("./commands/verify/verify.ts");
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
      const { why } = await import("./commands/why/why.ts");
      await why(await Context.of(command), name, options);
    });

  program.command("stats")
    .description("Count hits, misses and bytes, and what gc took too early.")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { stats } = await import("./commands/stats/stats.ts");
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
      const { outdated } = await import("./commands/outdated/outdated.ts");
      await outdated(await Context.of(command), names, options);
    });
}

/** Adds `larder config` and what is below it. Its commands read the config file themselves: it may be a broken one. */
export function addConfigCommand(program: Command): void {
  const config = program.command("config")
    .description("Show and change larder's settings.");

  config.command("init")
    .description("Write a config file that shows every setting in comments.")
    .option("--force", "replace the file that is there")
    .action(async (options, command: Command) => {
      const { configInit } = await import("./commands/config/config.ts");
      await configInit(contextOf(command), options);
    });

  config.command("show")
    .description("List every setting, what it is, and where that comes from.")
    .addOption(formatOption())
    .action(async (options, command: Command) => {
      const { configShow } = await import("./commands/config/config.ts");
      await configShow(contextOf(command), options);
    });

  config.command("path")
    .description("Print which config file is read.")
    .action(async (_options, command: Command) => {
      const { configPath } = await import("./commands/config/config.ts");
      configPath(contextOf(command));
    });

  config.command("get")
    .description("Print what a setting is.")
    .argument("<key>", "such as gc.max_size")
    .addOption(formatOption())
    .action(async (key: string, options, command: Command) => {
      const { configGet } = await import("./commands/config/config.ts");
      await configGet(contextOf(command), key, options);
    });

  config.command("set")
    .description("Change a setting in the config file; all else in it stays as it is.")
    .argument("<key>", "such as gc.max_size or registries.ghcr.io.insecure")
    .argument("<value>", "such as 20GB")
    .action(async (key: string, value: string, _options, command: Command) => {
      const { configSet } = await import("./commands/config/config.ts");
      await configSet(contextOf(command), key, value);
    });

  config.command("unset")
    .description("Take a setting out of the config file; all else in it stays as it is.")
    .argument("<key>", "such as gc.max_size or registries.ghcr.io.insecure")
    .action(async (key: string, _options, command: Command) => {
      const { configUnset } = await import("./commands/config/config.ts");
      await configUnset(contextOf(command), key);
    });
}

function contextOf(command: Command): Context {
  return Context.withoutConfig(globalOptionsOf(command));
}

/** Adds `larder run`. */
export function addRunCommand(program: Command): void {
  const run = program.command("run")
    .summary("Pull a Spin app or Wasm package and run it.")
    .description(
      "Pull a Spin app or Wasm package and run it; or run a Wasm file. A command gets what follows --. An app " +
        "answers HTTP requests until Ctrl-C. A guest has no files, no environment and no network but what is " +
        "granted.",
    )
    .argument("[reference]", "what to run, such as ghcr.io/owner/app:v1 or ./app.wasm")
    .argument("[args...]", "arguments of a command")
    .option("--dir <host[::guest][:ro]>", "grant a folder (repeatable)", collect)
    .option("--env <name[=value]>", "grant an environment variable (repeatable)", collect)
    .option("--allow-net [hosts]", "grant access to =HOST[:PORT],…, or to every host")
    .option("--variable <name=value>", "set a variable of a Spin app (repeatable)", collect)
    .option("--listen <host:port>", "where to answer HTTP requests (default: 127.0.0.1:3000)")
    .option("--engine [name]", "run with an installed spin or wasmtime; alone, list them");
  addPullingOptions(run)
    .action(async (reference: string | undefined, args: string[], options, command: Command) => {
      const { run } = await import("./commands/run/run.ts");
      await run(await Context.of(command), reference, args, options);
    });
}

/** `--allow-net` alone must not take the next argument for its hosts. */
export function withHosts(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, i) =>
    arg === "--allow-net" && (end < 0 || i < end) ? "--allow-net=*" : arg
  );
}

function collect(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}

/** Adds the options of every command that pulls; see `PullingOptions`. */
export function addPullingOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--policy <when>", "when to ask the registry about a cached tag").choices(
        POLICIES,
      ),
    )
    .option(
      "--stale-if-error <duration>",
      "use a cached copy up to this old if the registry fails",
      duration,
    )
    .option("--platform <os/arch[/variant]>", "the platform to take from an index")
    .option("--transfers <n>", "transfers at once (default: 16)", wholeNumber);
}

/** larder's version, from deno.json. */
export const VERSION: string = manifest.version;

/** The commit that a release was built from; the compile script puts it in place of this word. */
export const COMMIT = "development";

/** What `larder --version` prints. */
export function versionText(): string {
  return `larder ${VERSION} (${COMMIT}, Deno ${Deno.version.deno}, ${Deno.build.target})`;
}
