import type { Command } from "commander";
import { LarderError, shellWord } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { UsageProblem } from "../command.ts";
import { examplesOf } from "./examples.ts";
import { hintForOption } from "./habits.ts";
import { pathOf } from "./help.ts";

/** Explains a command line that commander could not parse. */
export function usageError({ command, message, code }: UsageProblem): LarderError {
  // Commander names the argument or option in its message only.
  const subject = /'(.*)'/s.exec(message)?.[1] ?? "";
  switch (code) {
    case "commander.missingArgument":
      return missingArgument(command, subject);
    case "commander.optionMissingArgument":
      return missingValue(command, subject);
    case "commander.excessArguments":
      return excessArguments(command);
    case "commander.unknownOption":
      return unknownOption(command, subject);
    default:
      return usage(message.replace(/^error: /, ""), helpHint(command));
  }
}

function missingArgument(command: Command, name: string): LarderError {
  const [example] = examplesOf(pathOf(command));
  const hint = example ? `for example: ${example.line}` : helpHint(command);
  return usage(`${lineOf(command)} needs a ${name}`, hint);
}

function missingValue(command: Command, flags: string): LarderError {
  const option = command.options.find((each) => each.flags === flags);
  const [, flag, value] = /(--\S+) (.*)$/.exec(flags) ?? [];
  return usage(`${flag} needs a value`, `${flag} ${value}: ${option?.description}`);
}

function excessArguments(command: Command): LarderError {
  const expected = command.registeredArguments.length;
  const extra = command.args.slice(expected);
  const takes = ["no arguments", "one argument", "two arguments"][expected];
  return usage(
    `${lineOf(command)} takes ${takes}, not ${command.args.length}: ${command.args.join(" ")}`,
    `leave out ${extra.join(" ")}`,
  );
}

function unknownOption(command: Command, flag: string): LarderError {
  return usage(
    `unknown option '${flag}'`,
    hintForGuest(command, flag) ?? hintForOption(command, flag) ??
      hintForNearest(command, flag) ?? helpHint(command),
  );
}

/** Of `larder run app.wasm -x`, the first argument is the program that -x is likely to be for. */
function hintForGuest(command: Command, flag: string): string | undefined {
  const [program] = command.args;
  if (command.name() !== "run" || program === undefined || program.startsWith("-")) {
    return undefined;
  }
  return `write -- before the arguments of the program: larder run ${
    shellWord(program)
  } -- ${flag}`;
}

function hintForNearest(command: Command, flag: string): string | undefined {
  if (!flag.startsWith("--")) return undefined;
  const near = nearest(flag.split("=", 1)[0]!, command.options.flatMap(({ long }) => long ?? []));
  return near && `did you mean ${near}?`;
}

function helpHint(command: Command): string {
  return `${lineOf(command)} --help lists the ${
    command.parent ? "options" : "commands and options"
  }`;
}

/** `larder config set` */
function lineOf(command: Command): string {
  return ["larder", ...pathOf(command)].join(" ");
}

function usage(message: string, hint: string): LarderError {
  return new LarderError("LDR_USAGE", message, { hint });
}
