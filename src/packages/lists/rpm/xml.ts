import { LarderError, messageOf } from "../../../base/errors.ts";
import { formatBytes } from "../../../base/units.ts";
import { badIndex } from "../index_errors.ts";

/** 4 MiB limit on the bytes from one tag to the next: text, a comment, attributes. */
const MAX_BETWEEN_TAGS = 4 * 1024 * 1024;

/** 64 levels of elements; metadata of repositories has 5. */
const MAX_DEPTH = 64;

/** Receives the elements of an XML document. Names are without their prefix. */
export interface XmlHandler {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  /** @param text the element's own text */
  close(name: string, text: string): void;
}

/**
 * Parses XML chunk by chunk. Memory use is constant: entities that the document defines are refused, because a few bytes
 * of them expand to gigabytes.
 *
 * @param index names it in messages
 * @throws LarderError LDR_BAD_INDEX, and those of `handler` and `chunks`
 */
export async function parseXml(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  index: string,
  handler: XmlHandler,
): Promise<void> {
  const { SaxesParser } = await import("saxes");
  const parser = new SaxesParser({ position: false });
  const texts: string[] = [];
  let sinceTag = 0;
  const append = (text: string) => {
    if (texts.length > 0) texts[texts.length - 1] += text;
  };
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("doctype", () => {
    throw badIndex(index, "it has a DOCTYPE, which can define entities");
  });
  parser.on("opentag", ({ name, attributes }) => {
    sinceTag = 0;
    if (texts.push("") > MAX_DEPTH) throw badIndex(index, "its elements are nested too deeply");
    handler.open(localName(name), attributes as Record<string, string>);
  });
  parser.on("text", append);
  parser.on("cdata", append);
  parser.on("closetag", ({ name }) => {
    sinceTag = 0;
    handler.close(localName(name), texts.pop() ?? "");
  });
  try {
    const decoder = new TextDecoder();
    for await (const chunk of chunks) {
      sinceTag += chunk.length;
      if (sinceTag > MAX_BETWEEN_TAGS + chunk.length) {
        throw badIndex(index, `it has more than ${formatBytes(MAX_BETWEEN_TAGS)} without a tag`);
      }
      parser.write(decoder.decode(chunk, { stream: true }));
    }
    parser.write(decoder.decode()).close();
  } catch (error) {
    if (error instanceof LarderError) throw error;
    throw badIndex(index, `it is not well-formed XML: ${messageOf(error)}`, error);
  }
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}
