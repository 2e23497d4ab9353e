import { Command, type ErrorOptions, type HelpContext, type Option } from "commander";

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

/** Thrown if a command line cannot be parsed; the code that explains it is loaded only when it is needed. */
export class UsageProblem extends Error {
  readonly command: Command;
  /** Commander's code, such as `commander.unknownOption`. */
  readonly code: string | undefined;

  constructor(command: Command, message: string, code: string | undefined) {
    super(message);
    this.command = command;
    this.code = code;
  }
}

/** A command that throws {@link HelpRequest}, {@link UnknownCommand} and {@link UsageProblem} instead of printing. */
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

  override error(message: string, options?: ErrorOptions): never {
    throw new UsageProblem(this, message, options?.code);
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
