import assert from "node:assert/strict";
import { commandText, holdersIn, lockHolders } from "../../../src/store/locks/lock_holders.ts";
import { waitingForSweep, waitingForWriters } from "../../../src/store/locks/store_lock.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const LOCKS = `1: POSIX  ADVISORY  READ 11 fe:00:77 128 128
2: FLOCK  ADVISORY  WRITE 12 fe:00:1234 0 EOF
2: -> FLOCK  ADVISORY  WRITE 13 fe:00:1234 0 EOF
3: FLOCK  ADVISORY  READ 14 08:01:1234 0 EOF
4: FLOCK  ADVISORY  READ 15 08:01:1234 0 EOF
5: FLOCK  ADVISORY  READ 15 08:01:1234 0 EOF
6: FLOCK  ADVISORY  READ ${Deno.pid} 08:01:1234 0 EOF
7: FLOCK  ADVISORY  READ 16 00:2a:99 0 EOF
not a lock
`;

/** Device, inode, and the processes that hold a lock of it. */
const CASES: [what: string, dev: number, ino: number, pids: number[]][] = [
  ["one holder, and not the one that waits", 0xfe00, 1234, [12]],
  ["two holders on another device, each once and without this process", 0x0801, 1234, [14, 15]],
  ["a holder on a device that the list names differently", 0x1234, 99, [16]],
  ["no holder", 0xfe00, 5, []],
];

for (const [what, dev, ino, pids] of CASES) {
  Deno.test(`holdersIn finds ${what}`, () => assert.deepEqual(holdersIn(LOCKS, dev, ino), pids));
}

Deno.test({
  name: "lockHolders names the process that holds the lock, and its program",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using folder = new TemporaryFolder();
    const path = `${folder.path}/lock`;
    const code = `Deno.openSync(${JSON.stringify(path)}, { write: true, create: true })
      .lockSync(true); console.log("locked"); await Deno.stdin.read(new Uint8Array(1));`;
    const holder = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", code],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    const file = Deno.openSync(path, { read: true });
    const holders = await lockHolders(file);
    file.close();
    await holder.stdin.close();
    await reader.cancel();
    await holder.status;
    assert.ok(holders.startsWith(`process ${holder.pid} (deno eval `), holders);
  },
});

/** The text of `/proc/PID/cmdline`, and what is shown of it. */
const COMMANDS: [cmdline: string, text: string][] = [
  ["/usr/bin/larder\0pull\0nginx\0", "larder pull nginx"],
  ["larder\0run\0--variable\0key=secret\0x", "larder run --variable key=… x"],
  ["larder\0run\0--env=A=secret\0--env\0B\0x", "larder run --env=A=… --env B x"],
  ["larder\0info\0\x1b[2J\0", "larder info  [2J"],
  [`larder\0${"x".repeat(100)}`, `larder ${"x".repeat(73)}…`],
  ["", ""],
];

for (const [cmdline, text] of COMMANDS) {
  Deno.test(`commandText shows ${JSON.stringify(text)}`, () => {
    assert.equal(commandText(cmdline), text);
  });
}

Deno.test("the messages of a wait name the process if it is known", () => {
  const holders = "process 12 (larder pull nginx)";
  assert.equal(waitingForSweep(holders), `waiting for ${holders} to finish cleaning the cache`);
  assert.match(waitingForSweep(""), /^waiting for another larder to finish/);
  assert.match(
    waitingForWriters(holders),
    /^waiting for process 12 \(larder pull nginx\) to finish/,
  );
  assert.match(waitingForWriters(""), /^waiting for other processes to finish/);
});
