import { basename } from "node:path";
import { printable } from "../../base/errors.ts";
import { runProgram } from "../../base/programs.ts";

/** Processes that are named; more than these are counted. */
const MAX_NAMED = 3;

/** Characters of a command line that are shown. */
const MAX_COMMAND = 80;

/** Bytes of `/proc/locks`: about 16,000 locks. */
const MAX_LIST = 1024 * 1024;

/** The values of options that can be secrets. */
const SECRET_VALUES = /(--(?:env|variable)[ =][^ =]+)=\S*/g;

/**
 * Names the other processes that hold the lock of an open file: `process 1234 (larder pull nginx)`. The kernel knows
 * them, so the file need not tell. Runs `cat`, because the permissions of the binary do not cover `/proc`.
 *
 * @returns an empty text if they are unknown: on other systems than Linux, on another machine, in another container
 */
export async function lockHolders(file: Deno.FsFile): Promise<string> {
  if (Deno.build.os !== "linux") return "";
  const { dev, ino } = file.statSync();
  const pids = holdersIn(await textOf("/proc/locks"), dev, ino ?? 0);
  const named = await Promise.all(pids.slice(0, MAX_NAMED).map(describeProcess));
  if (named.length === 0) return "";
  const more = pids.length - named.length;
  const list = [...named, ...more > 0 ? [`${more} more`] : []].join(", ");
  return pids.length === 1 ? `process ${list}` : `processes ${list}`;
}

/**
 * Returns the ids of the processes that hold a lock of this file, except this one's.
 * @param locks the text of `/proc/locks`: `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`, and `->` if it waits
 */
export function holdersIn(locks: string, dev: number, ino: number): number[] {
  const found = locks.split("\n").flatMap((line) => {
    const [, pid, major, minor, inode] =
      /^\d+: (?:FLOCK|POSIX|OFDLCK) .* (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line) ?? [];
    if (Number(inode) !== ino || Number(pid) === Deno.pid) return [];
    const isSameDevice = parseInt(major!, 16) === majorOf(dev) &&
      parseInt(minor!, 16) === minorOf(dev);
    return { pid: Number(pid), isSameDevice };
  });
  // Btrfs and overlayfs show another device to stat than to this list.
  const exact = found.filter(({ isSameDevice }) => isSameDevice);
  return [...new Set((exact.length > 0 ? exact : found).map(({ pid }) => pid))];
}

function majorOf(dev: number): number {
  return (dev >>> 8) & 0xfff;
}

function minorOf(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}

async function describeProcess(pid: number): Promise<string> {
  const [command, status] = await Promise.all([
    textOf(`/proc/${pid}/cmdline`),
    textOf(`/proc/${pid}/stat`),
  ]);
  // The state follows the name in parentheses, which can contain anything.
  const isStopped = /^T/.test(status.slice(status.lastIndexOf(")") + 2));
  const about = [commandText(command), isStopped ? "suspended" : ""].filter((part) => part !== "")
    .join(", ");
  return about === "" ? String(pid) : `${pid} (${about})`;
}

/** Formats `/proc/PID/cmdline`: the program without its folder, and the arguments without what may be secret. */
export function commandText(cmdline: string): string {
  const [program = "", ...args] = cmdline.replace(/\0+$/, "").split("\0");
  const line = printable([basename(program), ...args].join(" ")).replace(SECRET_VALUES, "$1=…");
  return line.length > MAX_COMMAND ? `${line.slice(0, MAX_COMMAND)}…` : line;
}

/** Returns the text of a file of `/proc`; an empty one if it cannot be read. */
async function textOf(path: string): Promise<string> {
  try {
    const result = await runProgram("cat", {
      args: ["--", path],
      stderr: "null",
      timeout: 5000,
      limit: MAX_LIST,
    });
    return result.ended && result.success ? result.stdout : "";
  } catch {
    return ""; // There is no such program.
  }
}
