/** Work that continues after the output of a command, and ends before the process does. */
const tasks: (() => Promise<void>)[] = [];

/** Runs a task after the command. It must not fail. */
export function atEnd(task: () => Promise<void>): void {
  tasks.push(task);
}

export async function runAtEnd(): Promise<void> {
  for (const task of tasks.splice(0)) await task();
}
