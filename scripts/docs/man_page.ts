import type { Command, Option } from "commander";
import { examplesOf } from "../../src/cli/help/examples.ts";
import { pathOf } from "../../src/cli/help/help.ts";
import { SETTINGS, variableOf } from "../../src/cli/config/settings.ts";
import { VERSION } from "../../src/cli/version.ts";
import { groupsOf, ownOptions, termOf, usageOf, withDescendants } from "./commands.ts";

/** The exit codes and what they mean; `docs/errors.md` lists the error codes of each. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, "Success."],
  [1, "Failure other than those below."],
  [2, "Wrong usage or configuration."],
  [3, "Not found in the registry or in the cache."],
  [4, "Not authorised."],
  [5, "Integrity: a digest or size did not match, or verify found a problem that remains."],
  [6, "Network: unreachable, timed out, or rate limited after all retries."],
  [7, "Disk: full, read-only, or no permission."],
  [10, "A tag has changed (larder outdated --exit-code)."],
  [130, "Interrupted; partial downloads are kept for the next pull."],
  [141, "The reader of the output closed the pipe."],
];

const VARIABLES: readonly (readonly [name: string, effect: string])[] = [
  ["LARDER_CONFIG", "Path of the config file, which must exist."],
  [
    "XDG_CACHE_HOME, XDG_CONFIG_HOME",
    "Folders of the cache and the config; relative ones are ignored.",
  ],
  ["HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "Proxies."],
  ["SSL_CERT_FILE", "PEM certificates to trust in addition to the built-in ones."],
  ["DOCKER_CONFIG, REGISTRY_AUTH_FILE", "Where the credentials of Docker and Podman are."],
];

const FILES: readonly (readonly [path: string, content: string])[] = [
  ["~/.config/larder/config.yaml", "Settings; see larder config."],
  ["~/.config/larder/auth.json", "Credentials that larder login stored."],
  ["~/.cache/larder/registry/", "The cache; larder dir prints its path."],
];

/** Characters of a line of roff; `mandoc -T lint` complains about longer ones. */
const LINE = 78;

const PAGES = "https://github.com/larder-oci/larder/tree/main/docs";

/** Returns docs/man/larder.1: all commands on one page, in roff with the man macros. */
export function manPage(program: Command): string {
  const [name, ...rest] = program.description().split(/(?<=^\S+) /);
  const summary = [name!.toLowerCase(), ...rest].join(" ").replace(/\.$/, "");
  return [
    '.\\" Written by scripts/generate_docs.ts: change the command tree, not this page.',
    `.TH LARDER 1 "" "larder ${prose(VERSION)}" "User Commands"`,
    ".SH NAME",
    `larder \\- ${prose(summary)}`,
    ".SH SYNOPSIS",
    synopsis(program),
    ".SH DESCRIPTION",
    prose(program.description()),
    ".SH GLOBAL OPTIONS",
    "Every command takes these options, before or after its name.",
    ...ownOptions(program).map(optionItem),
    item("-h, --help", "print help"),
    item("-V, --version", "print the version, commit and runtime"),
    ...groupsOf(program).entries().flatMap(([title, commands]) => [
      `.SH ${title.toUpperCase()}`,
      ...commands.flatMap(withDescendants).flatMap(commandSection),
    ]),
    ".SH EXIT STATUS",
    ...EXIT_CODES.map(([code, meaning]) => item(String(code), meaning)),
    ".SH ENVIRONMENT",
    ...SETTINGS.flatMap((setting) => {
      const variable = variableOf(setting);
      return variable ? [item(variable, sentence(setting.description))] : [];
    }),
    ...VARIABLES.map(([name, effect]) => item(name, effect)),
    ".SH FILES",
    ...FILES.map(([path, content]) => item(path, content)),
    ".SH EXAMPLES",
    ...literal(exampleLines(program)),
    ".SH SEE ALSO",
    prose(PAGES),
  ].join("\n") + "\n";
}

function commandSection(command: Command): string[] {
  const [summary = "", ...details] = command.description().split("\n");
  return [
    `.SS larder ${prose(pathOf(command).join(" "))}`,
    synopsis(command),
    ".PP",
    prose(summary),
    ...details.length > 0 ? [".PP", ...literal(details)] : [],
    ...command.registeredArguments.map((argument) =>
      item(termOf(argument), argument.description + choices(argument.argChoices))
    ),
    ...ownOptions(command).map(optionItem),
    ".PP",
    "Examples:",
    ".PP",
    ...literal(exampleLines(command)),
  ];
}

function synopsis(command: Command): string {
  return markup(usageOf(command));
}

function exampleLines(command: Command): string[] {
  return examplesOf(pathOf(command)).flatMap(({ comment, line }) => [`# ${comment}`, line]);
}

function optionItem({ flags, description, argChoices, defaultValue, negate }: Option): string {
  const fallback = defaultValue === undefined || negate ? "" : ` (default: ${defaultValue})`;
  return item(flags, description + choices(argChoices) + fallback);
}

function choices(values: readonly string[] | undefined): string {
  return values ? `: ${values.join(", ")}` : "";
}

/** A term and its description below it. */
function item(term: string, text: string): string {
  return `.TP\n${markup(term)}\n${prose(text)}`;
}

/** Lines that are not filled. */
function literal(lines: readonly string[]): string[] {
  return [".RS 4", ".nf", ...lines.map((line) => atLineStart(plain(line))), ".fi", ".RE"];
}

/** Makes literal words bold, and placeholders italic: `--policy <when>`, `[name...]`. */
function markup(text: string): string {
  const parts = text.replace(/\[([a-z]+)(\.\.\.)?\]/g, "[<$1>$2]")
    .split(/(<[^>]*>|[[\]|]|\.\.\.| )/).filter((part) => part !== "");
  return atLineStart(
    parts.map((part) => {
      if (part.startsWith("<")) return `\\fI${plain(part.slice(1, -1))}\\fR`;
      return /^(?:[[\]| ]|\.\.\.)$/.test(part) ? plain(part) : `\\fB${plain(part)}\\fR`;
    }).join(""),
  );
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/** Escapes a text and breaks it into lines of at most 80 characters. */
function prose(text: string): string {
  const lines: string[] = [];
  for (const word of plain(text).split(" ")) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && longer.length <= LINE) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map(atLineStart).join("\n");
}

/** Prevents roff from reading a line as a request. */
function atLineStart(text: string): string {
  return /^[.']/.test(text) ? `\\&${text}` : text;
}

/** Escapes characters that roff interprets or replaces by typographic ones. */
function plain(text: string): string {
  return text.replace(/[\\\-'`^~"]|[^\x20-\x7e]/g, (character) => {
    switch (character) {
      case "\\":
        return "\\e";
      case "-":
        return "\\-";
      case "'":
        return "\\(aq";
      case "`":
        return "\\(ga";
      case "^":
        return "\\(ha";
      case "~":
        return "\\(ti";
      case '"':
        return "\\(dq";
      case "…":
        return "...";
      default:
        return `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`;
    }
  });
}
