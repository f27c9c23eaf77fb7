/** What a tool gave, as a value: structured where the server gives structure, else its texts. Pure. */
import type { CallToolResult } from "@modelcontextprotocol/client";
import { grouped } from "../core/grouped.ts";
import type { Json } from "../core/json.ts";

/** The tool was reached and says that it failed. Its words are for the model that called it. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
}

/** Throws ToolFailure. */
export function valueOf(name: string, result: CallToolResult): Json {
  const text = textOf(result);
  if (result.isError) throw new ToolFailure(`${name}: ${text || "it failed and gives no reason."}`);
  // What came as JSON is JSON.
  return result.structuredContent === undefined ? text : (result.structuredContent as Json);
}

function textOf({ content }: CallToolResult): string {
  return content
    .map((part) => {
      switch (part.type) {
        case "text":
          return part.text;
        case "image":
        case "audio":
          return `[${part.type} ${part.mimeType}, ${grouped(Math.floor((part.data.length * 3) / 4))} bytes]`;
        case "resource_link":
          return `[resource ${part.uri}${part.title === undefined ? "" : `: ${part.title}`}]`;
        case "resource":
          return "text" in part.resource ? part.resource.text : `[resource ${part.resource.uri}]`;
      }
    })
    .join("\n");
}
