import assert from "node:assert/strict";
import { askLine, askSecret } from "../../../src/cli/terminal/prompt.ts";
import { captured } from "../../support/cli/in_process.ts";

/** Runs `ask` on a terminal at which `text` is typed once the process has continued after a stop. */
async function answerAfterStop(
  text: string,
  ask: (signal: AbortSignal) => Promise<string | undefined>,
) {
  const { read, setRaw } = Deno.stdin;
  const modes: boolean[] = [];
  Deno.stdin.setRaw = (mode) => void modes.push(mode);
  Deno.stdin.read = async (buffer) => {
    const continued = Promise.withResolvers<void>();
    const onContinue = () => continued.resolve();
    Deno.addSignalListener("SIGCONT", onContinue);
    Deno.kill(Deno.pid, "SIGCONT");
    // A listener for signals alone keeps no event loop waiting.
    const timer = setInterval(() => {}, 1000);
    await continued.promise;
    clearInterval(timer);
    Deno.removeSignalListener("SIGCONT", onContinue);
    return new TextEncoder().encodeInto(text, buffer).written;
  };
  try {
    return { ...await captured(() => ask(new AbortController().signal)), modes };
  } finally {
    Object.assign(Deno.stdin, { read, setRaw });
  }
}

Deno.test("askLine shows its question again when the process continues after a stop", async () => {
  const { value, stderr } = await answerAfterStop("yes\n", (signal) => askLine("Sure?", signal));
  assert.deepEqual([value, stderr], ["yes", "Sure? Sure? "]);
});

Deno.test("askSecret shows its question again after a stop, and hides what is typed", async () => {
  const { value, stderr, modes } = await answerAfterStop(
    "secret\r",
    (signal) => askSecret("Password:", signal),
  );
  assert.deepEqual([value, stderr], ["secret", "Password: Password: \n"]);
  assert.deepEqual(modes, [true, true, false]);
});
