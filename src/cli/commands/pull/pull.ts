import { LarderError } from "../../../base/errors.ts";
import { parseReference, type Reference } from "../../../oci/reference.ts";
import { useEvent } from "../../../pull/result.ts";
import { Journal, type UseEvent } from "../../../store/journal/journal.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { pullProgress } from "../../terminal/progress.ts";
import { expandAlias } from "../../registry/short_names.ts";
import { collectAfterFetch } from "../gc/auto.ts";
import {
  nameWithDigest,
  openPuller,
  pulledReference,
  type PullingOptions,
  pullOptions,
  reportPull,
  resultToJson,
} from "./options.ts";

export interface PullCommandOptions extends PullingOptions {
  readonly format: Format;
}

/**
 * `larder pull`: pulls references and Spin manifests in turn. Prints `REFERENCE@DIGEST` to stdout, and all else to
 * stderr. All names are parsed before anything is fetched.
 *
 * @throws LarderError LDR_BAD_REFERENCE, and the codes of a pull
 */
export async function pull(
  context: Context,
  names: readonly string[],
  command: PullCommandOptions,
): Promise<void> {
  const subjects = await subjectsOf(context, names, command);
  const options = pullOptions(context, command);
  const { layout } = context;
  const { puller, transport } = openPuller(context);
  const results: object[] = [];
  const events: UseEvent[] = [];
  try {
    for (const subject of subjects) {
      using progress = pullProgress(context);
      if (typeof subject === "string") {
        const { pullSpinManifest } = await import("./spin_manifest.ts");
        const { frozen } = command;
        const deps = { context, layout, puller, transport, options, frozen, progress, events };
        results.push(...await pullSpinManifest(subject, deps, command.format));
      } else {
        const result = await puller.pull(subject, options, progress);
        progress.end();
        reportPull(context, result);
        events.push(useEvent(result, Date.now()));
        if (command.format === "table") writeOut(`${nameWithDigest(result)}\n`);
        results.push(resultToJson(result));
      }
    }
  } finally {
    new Journal(layout).append(events);
  }
  if (command.format === "json") writeJson(results);
  if (events.some(({ cause }) => cause !== undefined)) {
    await collectAfterFetch(context);
  }
}

/**
 * Returns the references to pull, and the paths of Spin manifests; without names, all that `larder.lock` has.
 * @throws LarderError LDR_USAGE, LDR_BAD_REFERENCE, LDR_NOT_LOCKED, LDR_BAD_LOCK
 */
async function subjectsOf(
  context: Context,
  names: readonly string[],
  command: PullCommandOptions,
): Promise<(string | Reference)[]> {
  if (names.length === 0) {
    if (!command.frozen) throw missingReference();
    const { frozenReferences } = await import("../../lock/frozen.ts");
    return frozenReferences();
  }
  const parsed: (string | Reference)[] = [];
  for (const name of names) {
    parsed.push(
      isSpinManifest(name) ? name : parseReference(await expandAlias(context, name)),
    );
  }
  return await Promise.all(
    parsed.map((each) => typeof each === "string" ? each : pulledReference(each, command)),
  );
}

function missingReference(): LarderError {
  return new LarderError("LDR_USAGE", "larder pull needs a reference", {
    hint: "for example: larder pull nginx; --frozen pulls all in larder.lock",
  });
}

/** True for a path such as `./spin.toml`. A repository whose name ends in `.toml` needs its tag to be pulled. */
function isSpinManifest(name: string): boolean {
  return name.endsWith(".toml");
}
