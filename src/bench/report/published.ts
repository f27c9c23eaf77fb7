/** What others have published, with where: to stand beside our own l2 numbers, never beside l0 or l1. As data. */

export interface Published {
  /** The family of tasks of ours that is the same one. */
  readonly family: string;
  readonly what: string;
  readonly method: string;
  /** In per cent. */
  readonly score: number;
  /** Average per task in US dollars. */
  readonly costUsd?: number;
  readonly source: string;
}

const paper = "arXiv 2512.24601 v3, table 1 (second-hand copy)";
const droste = "tensor-systems/droste, benchmarks/README, 2026-07";
const study = "brainqub3/claude_code_RLM, n = 10, 2026-06";

export const published: readonly Published[] = [
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "GPT-5 direct",
    score: 44,
    costUsd: 0.14,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "CodeAct + BM25 (GPT-5)",
    score: 38,
    costUsd: 0.61,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "compaction agent (GPT-5)",
    score: 46,
    costUsd: 0.13,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "OpenCode, text in a file (GPT-5)",
    score: 52,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "RLM depth 0 (GPT-5)",
    score: 36,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "RLM depth 1 (GPT-5)",
    score: 56,
    costUsd: 0.43,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "RLM depth 3 (GPT-5)",
    score: 58,
    costUsd: 0.51,
    source: paper,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 50",
    method: "droste (gpt-5.6-terra, luna)",
    score: 64.3,
    costUsd: 0.2,
    source: droste,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 10",
    method: "RLM skill (Opus 4.8, Haiku 4.5)",
    score: 55.6,
    costUsd: 4.77,
    source: study,
  },
  {
    family: "oolong",
    what: "trec_coarse, 131K, n = 10",
    method: "agent (Opus 4.8)",
    score: 40,
    costUsd: 2.54,
    source: study,
  },
  {
    family: "pairs",
    what: "32K, n = 20, F1",
    method: "GPT-5 direct",
    score: 0.1,
    costUsd: 0.16,
    source: paper,
  },
  {
    family: "pairs",
    what: "32K, n = 20, F1",
    method: "CodeAct + BM25 (GPT-5)",
    score: 24.7,
    costUsd: 0.75,
    source: paper,
  },
  {
    family: "pairs",
    what: "32K, n = 20, F1",
    method: "OpenCode, text in a file (GPT-5)",
    score: 4.8,
    source: paper,
  },
  {
    family: "pairs",
    what: "32K, n = 20, F1",
    method: "RLM depth 1 (GPT-5)",
    score: 58,
    costUsd: 0.33,
    source: paper,
  },
  {
    family: "pairs",
    what: "32K, n = 20, F1",
    method: "RLM depth 3 (GPT-5)",
    score: 76,
    costUsd: 0.39,
    source: paper,
  },
  {
    family: "pairs",
    what: "32K, n = 20, F1",
    method: "droste (gpt-5.6-terra, luna)",
    score: 80.2,
    costUsd: 0.11,
    source: droste,
  },
  {
    family: "s-niah",
    what: "32K, n = 50",
    method: "droste (gpt-5.6-terra, luna)",
    score: 100,
    source: droste,
  },
  { family: "s-niah", what: "32K, n = 50", method: "gpt-5.6-sol direct", score: 84, source: droste },
  {
    family: "multi-hop",
    what: "BrowseComp-Plus, 1,000 documents: not the same data",
    method: "RLM depth 1 (GPT-5)",
    score: 91.3,
    costUsd: 0.99,
    source: paper,
  },
  {
    family: "multi-hop",
    what: "BrowseComp-Plus, 1,000 documents: not the same data",
    method: "OpenCode, text in a file (GPT-5)",
    score: 94,
    source: paper,
  },
  {
    family: "longbench-v2",
    what: "CodeQA, 23K to 4.2M",
    method: "RLM depth 2 (GPT-5)",
    score: 66,
    source: paper,
  },
  {
    family: "longbench-v2",
    what: "CodeQA, 23K to 4.2M",
    method: "OpenCode, text in a file (GPT-5)",
    score: 64,
    source: paper,
  },
  {
    family: "longbench-v2",
    what: "CodeQA, 23K to 4.2M",
    method: "compaction agent (GPT-5)",
    score: 58,
    costUsd: 1.31,
    source: paper,
  },
  {
    family: "file-state",
    what: "LoCoDiff, 200 cases: not the same data",
    method: "Sonnet 4.5",
    score: 78.5,
    source: "LoCoDiff-bench chart data",
  },
  {
    family: "locomo",
    what: "judged by a model: another scorer",
    method: "full text, GPT-4.1-mini",
    score: 92.6,
    source: "vendors' tables, second-hand",
  },
];
