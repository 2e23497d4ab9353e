import { type Command, Option } from "commander";
import { duration, wholeNumber } from "./options.ts";
import { POLICIES } from "./policies.ts";

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
