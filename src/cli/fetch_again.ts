import { hasCode, LarderError } from "../base/errors.ts";
import type { Cure } from "../gc/verify/needs.ts";
import type { Puller } from "../pull/puller.ts";
import { type PullResult, useEvent } from "../pull/result.ts";
import type { PullOptions } from "../pull/options.ts";
import { Journal, type UseEvent } from "../store/journal.ts";
import type { Context } from "./context.ts";
import { progressFor } from "./output/progress.ts";
import { openPuller, pullOptions } from "./pulling.ts";

/** An entry that is not whole. */
export interface Patient {
  readonly name: string;
  readonly folder: string;
  readonly cure: Cure | undefined;
}

/**
 * Fetches what entries lack. What fails does not hinder the rest.
 * @returns why entries could not be made whole, by their folders
 * @throws LarderError LDR_INTERRUPTED
 */
export async function fetchAgain(
  context: Context,
  patients: readonly Patient[],
  command: { readonly transfers?: number },
): Promise<Map<string, string>> {
  const options = pullOptions(context, command);
  const { puller } = openPuller(context);
  const reasons = new Map<string, string>();
  const events: UseEvent[] = [];
  try {
    for (const { name, folder, cure } of patients) {
      using progress = progressFor(context);
      try {
        if (context.options.offline) throw offline();
        const result = await apply(cure, puller, options, progress);
        progress.end();
        if (result?.freshness === "fetched") events.push(useEvent(result, Date.now()));
        context.info(`${name} is whole again`);
      } catch (error) {
        if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
        progress.end();
        reasons.set(folder, `${error.message} [${error.code}]`);
        context.warn(`${name} is not whole: ${error.message} [${error.code}]`);
      }
    }
  } finally {
    new Journal(context.layout).append(events);
  }
  return reasons;
}

/** @returns undefined where no pull was needed to tell what is to be fetched */
async function apply(
  cure: Cure | undefined,
  puller: Puller,
  options: PullOptions,
  progress: ReturnType<typeof progressFor>,
): Promise<PullResult | undefined> {
  switch (cure?.by) {
    case "restore":
      return await puller.restore(cure.reference, cure.record, options, progress);
    case "refill":
      await puller.restoreSpins(cure.reference, cure.image, options, progress);
      return undefined;
    case "pull":
      return await puller.pull(cure.reference, { ...options, policy: "always" }, progress);
    default:
      throw new LarderError("LDR_NOT_FOUND", "nobody knows where it came from", {
        hint: "remove it with larder clean",
      });
  }
}

function offline(): LarderError {
  return new LarderError("LDR_NOT_CACHED", "the registry may not be asked", {
    hint: "leave --offline out",
  });
}
