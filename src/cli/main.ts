import { CommanderError } from "commander";
import { LarderError } from "../base/errors.ts";
import { HelpRequest, type LarderCommand, UnknownCommand, UsageProblem } from "./command.ts";
import { runAtEnd } from "./at_end.ts";
import { buildProgramToRun } from "./command_tree.ts";
import { reportFailure } from "./report_error.ts";

/** Runs a command line and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const code = await runAndReport(args);
  await runAtEnd();
  return code;
}

async function runAndReport(args: readonly string[]): Promise<number> {
  const words = withHosts(args);
  let program = buildProgramToRun(words);
  try {
    checkEncoding(words);
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
    if (error instanceof UsageProblem) {
      const { usageError } = await import("./help/usage_errors.ts");
      throw usageError(error);
    }
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --version
    throw error;
  }
}

async function runOrHelp(program: LarderCommand, words: readonly string[]): Promise<number> {
  try {
    return await run(program, words);
  } catch (error) {
    if (!(error instanceof HelpRequest || error instanceof UnknownCommand)) throw error;
    const { printHelp, unknownCommand } = await import("./help/help.ts");
    if (error instanceof UnknownCommand) throw unknownCommand(error);
    return printHelp(error);
  }
}

/** The runtime replaces bytes that are not UTF-8, so that an argument would name something else. */
function checkEncoding(words: readonly string[]): void {
  const bad = words.find((word) => word.includes("\ufffd"));
  if (bad === undefined) return;
  throw new LarderError("LDR_USAGE", `the argument "${bad}" is not valid UTF-8`, {
    hint: "rename the file or folder, or convert the text to UTF-8",
  });
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
