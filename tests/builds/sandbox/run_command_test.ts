import assert from "node:assert/strict";
import { join } from "node:path";
import { runCommand } from "../../../src/builds/sandbox/run_command.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

function shell(script: string, cwd = "/") {
  return { program: "/bin/sh", args: ["-c", script], env: { PATH: "/usr/bin:/bin", A: "b" }, cwd };
}

async function output(script: string): Promise<{ code: number; text: string }> {
  let text = "";
  const decoder = new TextDecoder();
  const { code } = await runCommand(shell(script), (bytes) => text += decoder.decode(bytes));
  return { code, text };
}

/** True if a process runs; one that has ended and waits for its parent does not. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Returns the group of a process; undefined if it has ended. */
function groupOf(pid: string): string | undefined {
  try {
    // The command's name before it may have spaces and parentheses.
    return Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ")[2];
  } catch {
    return undefined;
  }
}

Deno.test("runCommand passes on both streams in the order of the writes", async () => {
  const script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3";
  const { code, text } = await output(script);
  assert.equal(code, 3);
  assert.equal(text, [1, 2, 3].map((i) => `out ${i}\nerr ${i}\n`).join(""));
});

Deno.test("runCommand gives the command nothing to read and only its environment", async () => {
  const { text } = await output("cat; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort");
  assert.equal(text, "A=b\nPATH=/usr/bin:/bin\n");
});

Deno.test("runCommand gives the command no child process that it would wait for", async () => {
  const { text } = await output("exec perl -e '1 while wait() != -1; print qq(none left)'");
  assert.equal(text, "none left");
});

Deno.test("runCommand leaves no process behind", async () => {
  const { text } = await output("echo $$");
  const isLeft = (pid: string) => runs(Number(pid)) && groupOf(pid) === text.trim();
  await until(() => ![...Deno.readDirSync("/proc")].some(({ name }) => isLeft(name)));
});

Deno.test("runCommand ends the processes that the command leaves behind", async () => {
  using folder = new TemporaryFolder();
  const script = `sleep 1000 & echo $! > ${join(folder.path, "pid")}`;
  const { code } = await output(script);
  assert.equal(code, 0);
  const pid = Number(Deno.readTextFileSync(join(folder.path, "pid")));
  await until(() => !runs(pid));
});

Deno.test("runCommand ends all processes of the command when it is aborted", async (t) => {
  const scripts = {
    "at once": "sleep 1000 & echo $!; wait",
    "also those that ignore SIGTERM": "trap '' TERM; sleep 1000 & echo $!; wait",
  };
  for (const [name, script] of Object.entries(scripts)) {
    await t.step(name, async () => {
      const stop = new AbortController();
      let text = "";
      const running = runCommand(shell(script), (bytes) => {
        text += new TextDecoder().decode(bytes);
        if (text.includes("\n")) stop.abort();
      }, stop.signal);
      assert.equal((await failureOf(running)).code, "LDR_INTERRUPTED");
      await until(() => !runs(Number(text)));
    });
  }
});

Deno.test("runCommand does not wait for a process that left its group and keeps the output open", async () => {
  const { code, text } = await output("setsid sleep 1000 & echo $!");
  assert.equal(code, 0);
  Deno.kill(Number(text), "SIGKILL");
});

Deno.test("runCommand says that a program cannot be started", async () => {
  const error = await failureOf(runCommand(shell("true", "/no/such/folder"), () => {}));
  assert.equal(error.code, "LDR_BUILD");
  assert.match(error.message, /^cannot start \/bin\/sh: /);
});
