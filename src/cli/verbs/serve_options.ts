/** The options of `larder serve` that say who may use it, and how clients reach it. */

import { Option } from "commander";
import { parseAllow } from "../../serve/access/allow_patterns.ts";
import { CLIENTS } from "../../serve/clients/clients.ts";
import type { LarderCommand } from "../command.ts";
import { choiceOption, valueOption } from "../options.ts";

/** Adds the options; `AccessOptions` of the command has their values. */
export function serveOptions(command: LarderCommand): LarderCommand {
  return command.addOptions([
    new Option("--token <file>", "let in clients with a token of this file, one in each line"),
    new Option("--htpasswd <file>", "let in the users of this file, which htpasswd -B writes"),
    new Option("--open", "let in everyone who can reach the address"),
    valueOption<readonly string[]>(
      "--allow <pattern>",
      "upstream that clients may name, such as ghcr.io or ghcr.io/acme/* (repeatable); the only ones, if any is given",
      (text, previous = []) => [...previous, ...parseAllow(text)],
    ),
    new Option("--tls-cert <file>", "PEM file with the certificate for HTTPS and its chain"),
    new Option("--tls-key <file>", "PEM file with the key of that certificate"),
    choiceOption(
      "--print-config <client>",
      "print what a client needs to pull through the address, and exit",
      CLIENTS,
    ),
  ]);
}
