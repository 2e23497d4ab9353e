import { CommanderError } from "commander";
import { LarderError } from "../base/errors.ts";
import { HelpRequest, type LarderCommand, UnknownCommand } from "./command.ts";
import { buildProgramToRun } from "./command_tree.ts";
import { reportFailure } from "./report_error.ts";

/** Runs a command line and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const words = withHosts(args);
  let program = buildProgramToRun(words);
  try {
    try {
      return await run(program, words);
    } catch (error) {
      if (!(error instanceof HelpRequest || error instanceof UnknownCommand)) throw error;
      // The verbs that were not built are needed for help and suggestions, and one of them may have this alias.
      program = buildProgramToRun();
      return await runOrHelp(program, words);
    }
  } catch (error) {
    return reportFailure(error, isVerbose(program));
  }
}

async function run(program: LarderCommand, words: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(words, { from: "user" });
    return Deno.exitCode; // `larder run` sets it to that of the guest.
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0; // --version
    throw usageError(error);
  }
}

async function runOrHelp(program: LarderCommand, words: readonly string[]): Promise<number> {
  try {
    return await run(program, words);
  } catch (error) {
    if (!(error instanceof HelpRequest || error instanceof UnknownCommand)) throw error;
    const { printHelp, unknownCommand } = await import("./help.ts");
    if (error instanceof UnknownCommand) throw unknownCommand(error);
    return printHelp(error);
  }
}

/** `--allow-net` without hosts must not take the next argument as its value. */
function withHosts(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, i) =>
    arg === "--allow-net" && (end < 0 || i < end) ? "--allow-net=*" : arg
  );
}

/** True if `--verbose` was given, before or after the verb. */
function isVerbose(program: LarderCommand): boolean {
  const isGiven = (command: LarderCommand["commands"][number]): boolean =>
    command.opts().verbose === true || command.commands.some(isGiven);
  return isGiven(program);
}

function usageError(error: CommanderError): LarderError {
  const message = error.message.replace(/^error: /, "").split("\n")[0]!;
  const suggestion = /\(Did you mean (.*)\?\)/.exec(error.message)?.[1];
  return new LarderError("LDR_USAGE", message, {
    hint: suggestion
      ? `did you mean ${suggestion}?`
      : "larder --help lists the commands, larder COMMAND --help the options",
  });
}
