import { prepareBuild } from "../../../builds/prepare.ts";
import { likelySandbox, workingSandbox } from "../../../builds/sandbox/sandbox_choice.ts";
import { readSpecFile } from "../../../builds/spec_file.ts";
import { defaultPlatforms } from "../../../oci/platform.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { BuildStore } from "../../../store/entries/build_store.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { readJournal } from "../../read_activity.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { explain, explanationJson, explanationText } from "./explanation.ts";
import type { BuildCommandOptions } from "./options.ts";
import { CommandSources } from "./sources.ts";

/** `larder why SPEC.yaml`: says whether the result is cached, and else how it differs from the nearest cached one. */
export async function whySpec(
  context: Context,
  path: string,
  { format }: { format: Format },
): Promise<void> {
  const command: BuildCommandOptions = {
    sandbox: "auto",
    imageCache: true,
    packageCache: true,
    format,
  };
  const spec = readSpecFile(path);
  const { layout } = context;
  const signal = context.interruptible();
  using sources = new CommandSources(context, spec, command);
  const prepare = () => prepareBuild(spec, defaultPlatforms()[0]!, sources, signal);
  const prepared = await prepare();
  const store = new BuildStore(layout, new BlobStore(layout));
  let key = prepared.keyFor(likelySandbox("auto"));
  if (!store.find(key.digest)) {
    key = prepared.keyFor(await workingSandbox("auto", spec.name, () => {}, signal));
  }
  const explanation = explain(store, key, readJournal(context, "history"));
  if (format === "json") return writeJson(explanationJson(explanation));
  writeOut(explanationText(explanation, Date.now(), context.options.verbose === true));
}
