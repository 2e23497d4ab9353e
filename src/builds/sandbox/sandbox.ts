import { join } from "node:path";
import { statIfAny } from "../../base/files/files.ts";
import { SOURCE_DATE_EPOCH } from "../inputs/copy_inputs.ts";
import { findBwrap, isolation } from "./bwrap.ts";
import type { Sandbox } from "../key/key.ts";
import { FOLDERS, type Room, type RoomFolder } from "./room.ts";

/** Where the folders of a room are in the sandbox. */
const INSIDE = "/build";

/** Folders of the system that the command can read. On some systems they are links to folders in `/usr`. */
const SYSTEM_FOLDERS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

/** What programs need of `/etc`: libraries, names of users, certificates, and the settings of file systems. */
const SYSTEM_FILES = [
  ..."alternatives ld.so.cache ld.so.conf ld.so.conf.d passwd group nsswitch.conf".split(" "),
  ..."ssl ca-certificates pki crypto-policies mke2fs.conf magic magic.mime".split(" "),
];

/** What a command with network access needs of `/etc` besides. */
const NETWORK_FILES = ["resolv.conf", "hosts", "host.conf", "gai.conf", "services", "protocols"];

/** The programs of a Unix system; those of this user's own `PATH` are no part of the key. */
const UNIX_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs the arguments that follow it. */
const EXEC = ["/bin/sh", "-c", `exec "$@"`, "sh"] as const;

/** A program with its arguments, environment and folder. */
export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What the command of a build gets. */
export interface CommandSettings {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly output: string;
  readonly network: boolean;
  readonly platform: string;
}

/**
 * Returns the command line that runs the command of a build in a room.
 *
 * Invariant: bwrap and the shell that starts it do not get the variables of the build, because one such as `LD_PRELOAD`
 * would run code of the build outside the sandbox. bwrap reads them from a file, because arguments are public.
 */
export function commandLine(
  sandbox: Sandbox,
  room: Room,
  settings: CommandSettings,
): CommandLine {
  const isInside = sandbox === "bwrap";
  const at = (folder: RoomFolder) => isInside ? inside(folder) : room.folder(folder);
  const env = environment(settings, at);
  const cwd = room.folder("work");
  const { command } = settings;
  if (!isInside) return { program: command[0]!, args: command.slice(1), env, cwd };
  const file = room.writeArguments([...bwrapArguments(room, settings), ...variables(env)]);
  // bwrap ends with 1 if there is no such program, a shell with 127.
  const bwrap = [findBwrap()!, "--args", "3", "--", ...EXEC, ...command];
  return {
    program: EXEC[0],
    args: ["-c", `exec "$@" 3<"$0"`, file, ...bwrap],
    env: systemVariables(),
    cwd,
  };
}

function variables(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]);
}

function environment(
  { env, output, platform }: CommandSettings,
  at: (folder: RoomFolder) => string,
): Record<string, string> {
  return {
    ...systemVariables(),
    HOME: at("home"),
    TMPDIR: at("tmp"),
    LANG: "C.UTF-8",
    TZ: "UTC",
    SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
    ...env,
    LARDER_OUTPUT: join(at("output"), output),
    LARDER_PACKAGES: at("packages"),
    LARDER_REFS: at("refs"),
    LARDER_PLATFORM: platform,
  };
}

function systemVariables(): Record<string, string> {
  if (Deno.build.os !== "windows") return { PATH: UNIX_PATH };
  const root = Deno.env.get("SystemRoot") ?? "C:\\Windows";
  return { PATH: `${root}\\System32;${root}`, SystemRoot: root };
}

function inside(folder: RoomFolder): string {
  return folder === "tmp" ? "/tmp" : `${INSIDE}/${folder}`;
}

/**
 * Returns the arguments of bwrap that show a command the room and the folders of the system, and nothing else. The
 * user inside is root, without any privilege, so that the files in an image belong to root whoever builds it.
 */
function bwrapArguments(room: Room, { network }: CommandSettings): string[] {
  const binds = FOLDERS.flatMap((name) => [
    name === "packages" || name === "refs" ? "--ro-bind" : "--bind",
    room.folder(name),
    inside(name),
  ]);
  return [
    ...isolation({ network }),
    ...["--ro-bind", "/usr", "/usr"],
    ...SYSTEM_FOLDERS.flatMap(systemFolder),
    ...[...SYSTEM_FILES, ...network ? NETWORK_FILES : []]
      .flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...binds,
    ...["--chdir", inside("work")],
  ];
}

function systemFolder(path: string): string[] {
  const info = statIfAny(path);
  if (info?.isSymlink) return ["--symlink", Deno.readLinkSync(path), path];
  return info ? ["--ro-bind", path, path] : [];
}
