/** How well one prompt is read: right less often the longer it is, least in its middle. Pure: seed and item decide. */
import { drawOf } from "../random.ts";
import type { Sight } from "../task.ts";
import type { SimulatedSettings } from "./settings.ts";

export function sightOf(settings: SimulatedSettings, promptTokens: number): Sight {
  const { seed, right, least, decayTokens, middle } = settings;
  const whole = least + (right - least) * Math.exp(-promptTokens / decayTokens);
  return {
    isRight(item, position) {
      if (right === 1 && least === 1) return true;
      const chance =
        whole * (1 - middle * 4 * position * (1 - position) * (1 - Math.exp(-promptTokens / decayTokens)));
      return drawOf(`${seed} ${item}`) < chance;
    },
    draw: (item) => drawOf(`${seed} ${item}`),
  };
}

/** An answer with the form broken as real ones are: some lines missing, chatter around it, or an end too soon. */
export function breakForm(answer: string, settings: SimulatedSettings, key: string): string {
  const draw = drawOf(`${settings.seed} form ${key}`);
  if (draw >= settings.formatErrors) return answer;
  const lines = answer.split("\n");
  const kind = Math.floor((draw / settings.formatErrors) * 3);
  if (kind === 0) return lines.filter((_, index) => index % 9 !== 4).join("\n");
  if (kind === 1) return `Sure! Here are the results:\n\n${answer}\n\nLet me know if you need more.`;
  return lines.slice(0, Math.ceil(lines.length * 0.8)).join("\n");
}
