/**
 * Labels of a branch that are being written or were lately: whoever wants one for the same stretch gets it, and the model
 * is not asked twice. Messages never change, so neither does what a stretch's label stands for.
 */
import type { Label } from "./summarize.ts";

export class LabelDesk {
  readonly #labels = new Map<string, Promise<Label>>();

  /**
   * @param stretch names what the label stands for
   * @param cap the most tokens that it may have here; one that was made for more room may be too long
   */
  async label(stretch: string, cap: number, write: () => Promise<Label>): Promise<Label> {
    // Looked up again after each wait: somebody else who waited may have begun a shorter one.
    for (let last, known = this.#labels.get(stretch); known && known !== last;) {
      const label = await known.catch(() => undefined);
      if (label && !label.needsRepair && label.tokens <= cap) return label;
      last = known;
      known = this.#labels.get(stretch);
    }
    const label = write();
    this.#keep(stretch, label);
    return label;
  }

  #keep(stretch: string, label: Promise<Label>): void {
    this.#labels.delete(stretch);
    this.#labels.set(stretch, label);
    label.then(
      // Made without the model: the next one who wants it asks the model again.
      ({ needsRepair }) => needsRepair && this.#forget(stretch, label),
      () => this.#forget(stretch, label),
    );
    const oldest = this.#labels.size > mostLabels ? this.#labels.keys().next().value : undefined;
    if (oldest !== undefined) this.#labels.delete(oldest);
  }

  #forget(stretch: string, label: Promise<Label>): void {
    if (this.#labels.get(stretch) === label) this.#labels.delete(stretch);
  }
}

const mostLabels = 512;
