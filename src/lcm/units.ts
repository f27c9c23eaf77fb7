/** What a plan is made of: nodes and groups by size alone, and folds, each of which makes one node of a stretch. Pure. */
import type { SummaryId } from "../core/ids.ts";

/** Tokens are those of a request, calibrated. */
export type Unit = NodeUnit | GroupUnit | FoldUnit;

export interface NodeUnit {
  readonly type: "node";
  readonly id: SummaryId;
  readonly level: number;
  readonly first: number;
  readonly last: number;
  readonly tokens: number;
}

/** Messages that belong together. One shown as a stub is a group too: its messages are there to be labelled. */
export interface GroupUnit {
  readonly type: "group";
  readonly first: number;
  readonly last: number;
  readonly tokens: number;
  /** Never folded while it fits: instructions at the start, and the latest message of the user. */
  readonly isPinned: boolean;
  /** Begins with words of the user: a good place to cut before. */
  readonly beginsTurn: boolean;
  /** Set where a stub is shown in its place. */
  readonly stubId?: SummaryId;
}

/** A node that a plan will make. Its tokens are the most that it may take. */
export interface FoldUnit {
  readonly type: "fold";
  readonly fold: Fold;
  readonly level: number;
  readonly first: number;
  readonly last: number;
  readonly tokens: number;
}

export type Fold =
  | {
      readonly type: "leaf";
      readonly first: number;
      readonly last: number;
      /** Of its text, calibrated. */
      readonly cap: number;
    }
  /** One group in its own form with its texts cut: for what is too large to be shown and too new to be a label. */
  | { readonly type: "stub"; readonly first: number; readonly last: number; readonly cap: number }
  | {
      readonly type: "condensed";
      readonly first: number;
      readonly last: number;
      readonly cap: number;
      readonly level: number;
      readonly children: readonly (NodeUnit | FoldUnit)[];
    };

export function totalTokens(units: readonly Unit[]): number {
  return units.reduce((sum, unit) => sum + unit.tokens, 0);
}

/** The folds of a plan, each after those it is made of. */
export function foldsOf(units: readonly Unit[]): readonly Fold[] {
  return units.flatMap((unit) => (unit.type === "fold" ? [...foldsBelow(unit.fold), unit.fold] : []));
}

function foldsBelow(fold: Fold): readonly Fold[] {
  return fold.type === "condensed" ? foldsOf(fold.children) : [];
}
