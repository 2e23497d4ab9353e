/** The verbs that deal with settings. */

import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import { choiceArgument, formatOption, globalOptionsOf, type Shell, SHELLS } from "../options.ts";

const REGISTRY = "host of the registry, such as ghcr.io or localhost:5000";

/** The completion scripts call this command for the names of entries. */
export function addComplete(program: LarderCommand): void {
  program.command("__complete", { hidden: true })
    .description("Print the names of cached entries for completion scripts; print no errors.")
    .action(async (_options, command: LarderCommand) => {
      const { printEntryNames } = await import("../commands/completions/entry_names.ts");
      await printEntryNames(() => Context.of(command));
    });
}

export function addCompletions(program: LarderCommand, buildTree: () => LarderCommand): void {
  program.command("completions")
    .summary("Print a shell completion script.")
    .description(
      "Print a shell completion script. Write it to:\n" +
        "  bash        ~/.local/share/bash-completion/completions/larder\n" +
        "  zsh         a file _larder in a folder of $fpath\n" +
        "  fish        ~/.config/fish/completions/larder.fish\n" +
        "  powershell  in $PROFILE: larder completions powershell | Out-String | iex",
    )
    .addArgument(choiceArgument("<shell>", "shell to complete in", SHELLS))
    .action(async (shell: Shell) => {
      const { completions } = await import("../commands/completions/completions.ts");
      completions(buildTree(), shell);
    });
}

/** The subcommands read the config file themselves, because it may be a broken one. */
export function addConfig(program: LarderCommand): void {
  const config = program.command("config").helpCommand(false)
    .description("Show and change larder's settings.");
  addConfigGet(config);
  addConfigInit(config);
  addConfigPath(config);
  addConfigSet(config);
  addConfigShow(config);
  addConfigUnset(config);
  addHelp(config, { hidden: true });
}

function addConfigGet(config: LarderCommand): void {
  config.command("get")
    .description("Print the value of a setting.")
    .argument("<key>", "setting, such as gc.max_size")
    .addOption(formatOption())
    .action(async (key: string, options, command: LarderCommand) => {
      const { configGet } = await import("../commands/config/config.ts");
      await configGet(contextOf(command), key, options);
    });
}

function addConfigInit(config: LarderCommand): void {
  config.command("init")
    .description("Write a config file with every setting commented out.")
    .option("--force", "replace an existing file, which is kept as FILE.bak")
    .action(async (options, command: LarderCommand) => {
      const { configInit } = await import("../commands/config/config.ts");
      await configInit(contextOf(command), options);
    });
}

function addConfigPath(config: LarderCommand): void {
  config.command("path")
    .description("Print the path of the config file.")
    .action(async (_options, command: LarderCommand) => {
      const { configPath } = await import("../commands/config/config.ts");
      configPath(contextOf(command));
    });
}

function addConfigSet(config: LarderCommand): void {
  config.command("set")
    .description("Set a value in the config file; comments and other settings are preserved.")
    .argument("<key>", "setting, such as gc.max_size or registries.ghcr.io.insecure")
    .argument("<value>", "value, such as 20GB")
    .action(async (key: string, value: string, _options, command: LarderCommand) => {
      const { configSet } = await import("../commands/config/config.ts");
      await configSet(contextOf(command), key, value);
    });
}

function addConfigShow(config: LarderCommand): void {
  config.command("show")
    .description("List every setting with its value and where the value comes from.")
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { configShow } = await import("../commands/config/config.ts");
      await configShow(contextOf(command), options);
    });
}

function addConfigUnset(config: LarderCommand): void {
  config.command("unset")
    .description(
      "Remove a setting from the config file; comments and other settings are preserved.",
    )
    .argument("<key>", "setting, such as gc.max_size or registries.ghcr.io.insecure")
    .action(async (key: string, _options, command: LarderCommand) => {
      const { configUnset } = await import("../commands/config/config.ts");
      await configUnset(contextOf(command), key);
    });
}

function contextOf(command: LarderCommand): Context {
  return Context.withoutConfig(globalOptionsOf(command));
}

export function addDir(program: LarderCommand): void {
  program.command("dir")
    .description("Print the cache folder and the rule that selected it.")
    .option("--config", "print the config folder instead")
    .option("--data", "print the folder of what apps store instead")
    .addOption(formatOption())
    .action(async (options, command: LarderCommand) => {
      const { dir } = await import("../commands/dir/dir.ts");
      dir(await Context.of(command), options);
    });
}

export function addHelp(parent: LarderCommand, options: { hidden?: boolean } = {}): void {
  parent.command("help", options)
    .description("Print the help of a command.")
    .argument("[command...]", "command, such as pull or config set")
    .action(async (names: string[]) => {
      const { requestHelp } = await import("../help/help.ts");
      requestHelp(parent, names);
    });
}

export function addLogin(program: LarderCommand): void {
  program.command("login")
    .description("Verify a user name and password with a registry, and store them.")
    .argument("<registry>", REGISTRY)
    .option("-u, --username <name>", "user name; larder asks for it if it is left out")
    .option("--password-stdin", "read the password from standard input")
    .action(async (registry: string, options, command: LarderCommand) => {
      const { login } = await import("../commands/login/login.ts");
      await login(await Context.of(command), registry, options);
    });
}

export function addLogout(program: LarderCommand): void {
  program.command("logout")
    .description("Remove the credentials that login stored for a registry.")
    .argument("<registry>", REGISTRY)
    .action(async (registry: string, _options, command: LarderCommand) => {
      const { logout } = await import("../commands/login/logout.ts");
      logout(await Context.of(command), registry);
    });
}
