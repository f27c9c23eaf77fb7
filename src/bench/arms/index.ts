/** All arms. The only list of them. */
import { ConfigError } from "../../core/errors.ts";
import { codeAct, fileAgent, reAct } from "./agents.ts";
import type { Arm } from "./arm.ts";
import { chat } from "./chat.ts";
import { map } from "./map.ts";
import { rlm } from "./rlm.ts";
import { rollingSummary } from "./rolling-summary.ts";
import { direct, retrieval, truncated } from "./single-call.ts";

export const arms: readonly Arm[] = [
  rlm(1),
  rlm(0),
  rlm(2),
  rlm(3),
  map,
  chat,
  direct,
  truncated,
  rollingSummary,
  retrieval,
  reAct,
  fileAgent,
  codeAct,
];

/** Throws ConfigError, naming all of them, where there is none of that name. */
export function armsNamed(names: readonly string[]): Arm[] {
  if (names.includes("all")) return [...arms];
  return names.map((name) => {
    const arm = arms.find((one) => one.name === name);
    if (arm) return arm;
    const known = arms.map((one) => one.name).join(", ");
    throw new ConfigError("invalid_option", `There is no arm "${name}". There are: ${known}, and "all".`);
  });
}
