import { takeOverCommandFor } from "../base/files/owner.ts";
import { Journal, type JournalEvent } from "../store/journal/journal.ts";
import type { LeaseContent } from "../store/locks/lease_format.ts";
import { liveLeases } from "../store/locks/leases.ts";
import type { Context } from "./context.ts";
import { warnOfFaults } from "./read_cache.ts";

/** Reads the leases of running processes, and warns once about those that could not be read. */
export function readLeases(context: Context, now: number): LeaseContent[] {
  const leases = liveLeases(context.layout, now, { readOnly: true });
  const problem = leases.find((lease) => lease.problem !== undefined)?.problem;
  if (problem) {
    const command = takeOverCommandFor([problem.path], context.layout.root);
    const remedy = command === undefined ? "" : ` until this is repaired: ${command}`;
    context.warnOnce(`${problem.text}; gc and clean remove no entry and no blob${remedy}`);
  }
  return leases;
}

/**
 * Reads the journal, and warns once about what of it could not be read.
 * @param which the recent events, or also the last fetches and removals before them
 */
export function readJournal(context: Context, which: "read" | "history"): JournalEvent[] {
  const journal = new Journal(context.layout);
  return journal[which]((fault) =>
    warnOfFaults(context, [fault], "what cannot be read of it is left out")
  );
}
