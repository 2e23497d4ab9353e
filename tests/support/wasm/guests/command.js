// A command: its first argument says what it does with the others.
import { getArguments, getEnvironment } from "wasi:cli/environment@0.2.3";
import { exit } from "wasi:cli/exit@0.2.3";
import { getStderr } from "wasi:cli/stderr@0.2.3";
import { getStdin } from "wasi:cli/stdin@0.2.3";
import { getStdout } from "wasi:cli/stdout@0.2.3";
import { getDirectories } from "wasi:filesystem/preopens@0.2.3";

export const COMMANDS = {
  arguments: (...args) => print(JSON.stringify(args)),
  environment: () => print(JSON.stringify(getEnvironment())),
  copy: () => {
    const output = getStdout();
    for (const piece of pieces(getStdin())) output.blockingWriteAndFlush(piece);
  },
  complain: (text) => write(getStderr(), text),
  fail: () => exit({ tag: "err" }),
  folders: () => print(getDirectories().map(([, name]) => name).join(" ")),
  read: (path) => {
    const file = open(path, {}, { read: true });
    print(new TextDecoder().decode(file.read(file.stat().size, 0n)[0]));
  },
  write: (path, text) => {
    const file = open(path, { create: true, truncate: true }, { write: true });
    file.write(new TextEncoder().encode(text), 0n);
  },
  list: (path) => {
    const names = [];
    const entries = open(path, { directory: true }, { read: true })
      .readDirectory();
    for (let entry; (entry = entries.readDirectoryEntry());) {
      names.push(entry.name);
    }
    print(names.sort().join(" "));
  },
  fetch: async (url) => {
    const response = await fetch(url);
    print(`${response.status} ${await response.text()}`);
    exit({ tag: "ok" }); // Returning after a fetch traps, wherever it runs: a fault of componentize-js.
  },
  announced: (name, ...args) => {
    write(getStderr(), "running");
    return COMMANDS[name](...args);
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Number(ms))),
  loop: () => {
    for (;;);
  },
  throw: () => {
    throw new Error("thrown on purpose");
  },
};

export const run = {
  async run() {
    const [, name, ...args] = getArguments();
    try {
      await COMMANDS[name](...args);
    } catch (error) {
      if (name === "throw") throw error;
      write(getStderr(), `${name}: ${error.payload ?? error}`);
      exit({ tag: "err" });
    }
  },
};

function print(text) {
  write(getStdout(), text);
}

function write(stream, text) {
  stream.blockingWriteAndFlush(new TextEncoder().encode(`${text}\n`));
}

function* pieces(stream) {
  for (;;) {
    try {
      yield stream.blockingRead(4096n);
    } catch {
      return; // The end.
    }
  }
}

/** Opens a path below the folder whose name it begins with. */
function open(path, how, rights) {
  const inFolder = ([, name]) => path === name || path.startsWith(`${name}/`);
  const found = getDirectories().find(inFolder);
  if (!found) throw new Error("no such folder");
  const [folder, name] = found;
  return folder.openAt({ symlinkFollow: true }, path.slice(name.length + 1) || ".", how, rights);
}
