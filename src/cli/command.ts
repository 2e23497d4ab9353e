import { Command, type HelpContext, type Option } from "commander";

/** Thrown instead of printing help, because the code that writes help is loaded only when it is needed. */
export class HelpRequest extends Error {
  readonly command: Command;
  /** True if the help replaces a command that is missing, and is a message rather than data. */
  readonly isError: boolean;

  constructor(command: Command, isError: boolean) {
    super(`help of ${command.name()}`);
    this.command = command;
    this.isError = isError;
  }
}

/** Thrown if a command has no subcommand of this name. */
export class UnknownCommand extends Error {
  readonly parent: Command;
  readonly verb: string;

  constructor(parent: Command, verb: string) {
    super(`unknown command '${verb}'`);
    this.parent = parent;
    this.verb = verb;
  }
}

/** A command whose help and unknown subcommands are reported by {@link HelpRequest} and {@link UnknownCommand}. */
export class LarderCommand extends Command {
  constructor(name?: string) {
    super(name);
    this.on("command:*", ([verb]: string[]) => {
      throw new UnknownCommand(this, verb!);
    });
  }

  override createCommand(name?: string): LarderCommand {
    return new LarderCommand(name);
  }

  addOptions(options: readonly Option[]): this {
    for (const option of options) this.addOption(option);
    return this;
  }

  override outputHelp(context?: HelpContext | ((text: string) => string)): never {
    const [verb] = this.args;
    // `larder nope --help` must not be answered with the help of larder.
    if (verb !== undefined && !verb.startsWith("-") && this.commands.length > 0) {
      throw new UnknownCommand(this, verb);
    }
    throw new HelpRequest(this, typeof context === "object" && context.error === true);
  }
}
