/** Drafts of WASI 0.2 with which Spin 2 and its file server were built; all later components import 0.2.x. */
const OCTOBER = "0.2.0-rc-2023-10-18";
const NOVEMBER = "0.2.0-rc-2023-11-10";

const INTERFACES = [
  ...["environment", "exit", "stdin", "stdout", "stderr"].map((name) => `wasi:cli/${name}`),
  ...["input", "output", "stdin", "stdout", "stderr"].map((name) => `wasi:cli/terminal-${name}`),
  "wasi:clocks/monotonic-clock",
  "wasi:clocks/wall-clock",
  "wasi:filesystem/preopens",
  "wasi:filesystem/types",
  "wasi:http/outgoing-handler",
  "wasi:http/types",
  "wasi:io/poll",
  "wasi:io/streams",
  "wasi:random/insecure",
  "wasi:random/insecure-seed",
  "wasi:random/random",
];

/** The interfaces that the embedded engine has, with their versions; they are imported by these names. */
export const DRAFT_INTERFACES: readonly string[] = [
  ...INTERFACES.map((name) => `${name}@${OCTOBER}`),
  ...INTERFACES.map((name) => `${name}@${NOVEMBER}`),
  `wasi:io/error@${NOVEMBER}`,
];
