import { LarderCommand } from "./command.ts";
import { acceptGlobalOptions, globalOptions, rejectEmptyValues } from "./options.ts";
import { writeErr, writeOut } from "./terminal/console.ts";
import { addExport, addImport } from "./verbs/exchange_commands.ts";
import {
  addDf,
  addImages,
  addInfo,
  addList,
  addOutdated,
  addPins,
  addStats,
  addWhy,
} from "./verbs/inspect_commands.ts";
import { addBuild, addFetch, addLock } from "./verbs/package_commands.ts";
import { addPull, addRun, addUpdate } from "./verbs/pull_commands.ts";
import { addServe } from "./verbs/serve_commands.ts";
import {
  addComplete,
  addCompletions,
  addConfig,
  addDir,
  addHelp,
  addLogin,
  addLogout,
} from "./verbs/settings_commands.ts";
import { addClean, addGc, addPin, addUnpin, addVerify } from "./verbs/upkeep_commands.ts";
import { versionText } from "./version.ts";

type Verbs = Readonly<Record<string, (program: LarderCommand) => void>>;

/** The verbs in groups, in the order of the help. */
const GROUPS: Readonly<Record<string, Verbs>> = {
  "Pull and run:": { pull: addPull, run: addRun, serve: addServe, update: addUpdate },
  "Packages and builds:": { build: addBuild, fetch: addFetch, lock: addLock },
  "Look:": {
    df: addDf,
    images: addImages,
    info: addInfo,
    list: addList,
    outdated: addOutdated,
    pins: addPins,
    stats: addStats,
    why: addWhy,
  },
  "Keep in order:": { clean: addClean, gc: addGc, pin: addPin, unpin: addUnpin, verify: addVerify },
  "Export and import:": { export: addExport, import: addImport },
  "Settings:": {
    __complete: addComplete,
    completions: (program) => addCompletions(program, buildProgram),
    config: addConfig,
    dir: addDir,
    help: addHelp,
    login: addLogin,
    logout: addLogout,
  },
};

/**
 * Builds the command tree: the arguments, options and texts of every verb. What a verb does is in a folder of
 * `commands`, which is imported only when the verb runs.
 */
export function buildProgram(): LarderCommand {
  const program = programWith(() => true);
  program.commands.forEach(acceptGlobalOptions);
  return program;
}

/**
 * Builds the command tree to run a command line. Only the verb that runs gets the global options, and if words are
 * given, only verbs among them are built, unless there are none: a start needs one of two dozen.
 */
export function buildProgramToRun(words?: readonly string[]): LarderCommand {
  const isNamed = (verb: string) => words?.includes(verb) ?? true;
  const hasVerb = Object.values(GROUPS).some((verbs) => Object.keys(verbs).some(isNamed));
  const program = programWith(hasVerb ? isNamed : () => true);
  return program
    .hook("preSubcommand", (_, command) => acceptGlobalOptions(command))
    .hook("preAction", (_, command) => rejectEmptyValues(command));
}

function programWith(isBuilt: (verb: string) => boolean): LarderCommand {
  const program = new LarderCommand("larder")
    .description(
      "Pull artifacts from OCI registries, run them, keep them current, and keep disk usage under control.",
    )
    .version(versionText(), "-V, --version", "print the version, commit and runtime")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .showSuggestionAfterError()
    // `larder --config FILE dir` and `larder dir --config` are different options.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut, writeErr, outputError: () => {} });
  for (const [title, verbs] of Object.entries(GROUPS)) {
    program.commandsGroup(title);
    for (const [verb, add] of Object.entries(verbs)) if (isBuilt(verb)) add(program);
  }
  return program.addOptions(globalOptions());
}
