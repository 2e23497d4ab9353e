import { type Command, CommanderError } from "commander";
import { LarderError } from "../base/errors.ts";
import { buildProgram, withHosts } from "./command_tree.ts";
import { reportFailure } from "./report_error.ts";

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
