/** Who asks, where it is not the conversation's owner: a program that sends its requests through a conversation. */
import type { Model } from "../core/model.ts";

/** Takes the place of the conversation's own. Calls of tools that nobody here knows are the client's, too. */
export interface Client {
  readonly model: Model;
  readonly instructions: string | undefined;
}
