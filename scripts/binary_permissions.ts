/** What the compiled binary may do: nothing else is open to it, whatever a dependency tries. */

/** The environment variables that larder, or a library of its, reads. */
const ENVIRONMENT = [
  "LARDER_*",
  // Where the cache and config folders are.
  "HOME",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "USERPROFILE",
  "LOCALAPPDATA",
  "APPDATA",
  // Where other engines are.
  "PATH",
  "PATHEXT",
  // Other programs' credentials.
  "DOCKER_CONFIG",
  "REGISTRY_AUTH_FILE",
  // The network.
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((n) => [n, n.toLowerCase()]),
  "SSL_CERT_FILE",
  // What terminals say of themselves, and what is asked of colours; commander and inquirer read these.
  "NO_COLOR",
  "FORCE_COLOR",
  "CLICOLOR_FORCE",
  "CLI_WIDTH",
  "CI",
  "TERM",
  "TERM_PROGRAM",
  "TERMINAL_EMULATOR",
  "TERMINUS_SUBLIME",
  "WT_SESSION",
  "ConEmuTask",
  "INQUIRER_KEYBINDINGS",
  // Debugging aids of the YAML parser.
  "LOG_STREAM",
  "LOG_TOKENS",
];

/**
 * The permission flags for `deno compile`. The cache and the files a user names can be anywhere, registries
 * have any address, and credential helpers any name, so read, write, net and run cannot be narrowed.
 *
 * @param compilerHelp the compiler's `compile --help=full`
 */
export function binaryPermissions(compilerHelp: string): string[] {
  const flags = [
    "--no-prompt",
    "--allow-read",
    "--allow-write",
    "--allow-net",
    "--allow-run",
    `--allow-env=${ENVIRONMENT.join(",")}`,
    "--deny-import",
  ];
  // A variable outside the list then reads as unset, instead of being an error.
  return compilerHelp.includes("--ignore-env") ? [...flags, "--ignore-env"] : flags;
}
