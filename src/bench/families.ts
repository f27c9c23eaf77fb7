/** All families of tasks that the bench knows. The only list of them. */
import { oolong, pairs } from "./oolong/families.ts";
import type { Family } from "./task.ts";

export const families: readonly Family[] = [oolong, pairs];
