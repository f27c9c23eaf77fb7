/** All families of tasks that the bench knows. The only list of them. */
import { oolong, pairs } from "./oolong/families.ts";
import type { Family } from "./task.ts";
import { codeQa } from "./tasks/code-qa.ts";
import { fileState } from "./tasks/file-state.ts";
import { beam, browseCompPlus, longMemEval } from "./tasks/judged.ts";
import { multiHop } from "./tasks/multi-hop.ts";
import { locomo, longBench, mrcr } from "./tasks/official.ts";
import { recall } from "./tasks/recall.ts";
import { ruler, sNiah } from "./tasks/ruler.ts";

export const families: readonly Family[] = [
  oolong,
  pairs,
  sNiah,
  ruler,
  multiHop,
  codeQa,
  fileState,
  recall,
  longBench,
  locomo,
  mrcr,
  longMemEval,
  beam,
  browseCompPlus,
];
