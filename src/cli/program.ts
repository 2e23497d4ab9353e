import { Argument, Command, CommanderError } from "commander";
import { LarderError } from "../base/errors.ts";
import { addConfigCommand } from "./config_command.ts";
import { writeErr, writeOut } from "./console.ts";
import { Context } from "./context.ts";
import { reportFailure } from "./failure.ts";
import { formatOption, globalOptions, type Shell, SHELLS } from "./options.ts";
import { addPullingOptions } from "./pulling_options.ts";
import { addRunCommand, withHosts } from "./run_command.ts";
import { addSpaceCommands } from "./space_commands.ts";
import { addUpkeepCommands } from "./upkeep_commands.ts";
import { versionText } from "./version.ts";
import { addViewCommands } from "./view_commands.ts";

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
      const { pull } = await import("./commands/pull.ts");
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
      const { login } = await import("./commands/login.ts");
      await login(await Context.of(command), registry, options);
    });

  program.command("logout")
    .description("Remove what login stored for a registry.")
    .argument("<registry>", "such as ghcr.io or localhost:5000")
    .action(async (registry: string, _options, command: Command) => {
      const { logout } = await import("./commands/logout.ts");
      logout(await Context.of(command), registry);
    });

  program.command("dir")
    .description("Print where the cache is and which rule decided it.")
    .option("--config", "print the config folder instead")
    .option("--json", "print as JSON")
    .action(async (options, command: Command) => {
      const { dir } = await import("./commands/dir.ts");
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
      const { completions } = await import("./commands/completions.ts");
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

/** Runs a command line and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const program = buildProgram({ toRun: true });
  try {
    await program.parseAsync(withHosts(args), { from: "user" });
    return Deno.exitCode; // A guest's own, after run.
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, isVerbose(program));
    if (error.exitCode === 0) return 0; // --help, --version
    const failure = usage(error);
    // Without a verb the help has been printed, and there is nothing to add.
    return error.code === "commander.help" ? failure.exitCode : reportFailure(failure, false);
  }
}

/** Whether `--verbose` was given, before or after the verb. */
function isVerbose(program: Command): boolean {
  const given = (command: Command): boolean =>
    command.opts().verbose === true || command.commands.some(given);
  return given(program);
}

function usage(error: CommanderError): LarderError {
  const message = error.message.replace(/^error: /, "").split("\n")[0]!;
  const suggestion = /\(Did you mean (.*)\?\)/.exec(error.message)?.[1];
  return new LarderError("LDR_USAGE", message, {
    hint: suggestion
      ? `did you mean ${suggestion}?`
      : "larder --help lists the commands, larder COMMAND --help the options",
  });
}
