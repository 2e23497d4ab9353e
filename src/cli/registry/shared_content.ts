import { messageOf } from "../../base/errors.ts";
import type { SharedContent } from "../../registry/shared/shared_content.ts";
import type { SharedTier } from "../../registry/shared/shared_tier.ts";
import { atEnd } from "../at_end.ts";
import type { Context } from "../context.ts";
import { formatBytes, formatDuration, plural } from "../../base/units.ts";

/** One minute after the end of a command that uploads may take. */
const UPLOAD_TIME = 60_000;

const known = new WeakMap<Context, SharedContent>();

/** Returns the cache that machines share, if the user has one and larder may ask it. Opens it when it is first used. */
export function sharedContentOf(context: Context): SharedContent | undefined {
  const { config, options } = context;
  if (config.shared?.url === undefined || options.offline) return undefined;
  let shared = known.get(context);
  if (!shared) known.set(context, shared = openLater(context));
  return shared;
}

function openLater(context: Context): SharedContent {
  let opened: Promise<SharedTier | undefined> | undefined;
  const open = () =>
    opened ??= import("./open_shared.ts")
      .then(({ openShared }) => openShared(context))
      .catch((error) => {
        context.warn(`nothing is shared: ${messageOf(error)}`);
        return undefined;
      });
  let hasOffers = false;
  return {
    blob: async (...args) => await (await open())?.blob(...args),
    manifest: async (...args) => await (await open())?.manifest(...args),
    record: async (...args) => await (await open())?.record(...args),
    offer(offer) {
      if (!context.config.shared?.write) return;
      open().then((tier) => tier?.offer(offer));
      if (!hasOffers) atEnd(async () => await finish(context, await open()));
      hasOffers = true;
    },
  };
}

/** Lets uploads end, and says what was written. */
async function finish(context: Context, tier: SharedTier | undefined): Promise<void> {
  const signal = context.interruptible();
  const tally = await tier?.finish(UPLOAD_TIME, signal);
  if (!tier || !tally) return;
  const { written, bytes, isComplete } = tally;
  if (written > 0) {
    context.info(
      `wrote ${plural(written, "object")} (${formatBytes(bytes)}) to the shared cache ${tier.name}`,
    );
  }
  if (isComplete) return;
  const cause = signal.aborted ? "interrupted" : `not done after ${formatDuration(UPLOAD_TIME)}`;
  context.warn(`the rest is not written to the shared cache ${tier.name}: ${cause}`);
}
