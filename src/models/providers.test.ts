/** Each provider's adapter against the contract, on the wire format of its vendor. */
import { modelContract } from "../testing/contracts/model.ts";
import { anthropic, google, openai, openaiCompatible, openrouter } from "./providers.ts";

modelContract("openaiCompatible", {
  make: ({ baseUrl }, apiKey) =>
    openaiCompatible({ baseUrl, apiKey, id: "some-model", structuredOutputs: true }),
});
modelContract("openaiCompatible without structured outputs", {
  make: ({ baseUrl }, apiKey) => openaiCompatible({ baseUrl, apiKey, id: "some-model" }),
});
modelContract("openai", { make: ({ baseUrl }, apiKey) => openai({ baseUrl, apiKey, id: "gpt-6-luna" }) });
modelContract("anthropic", {
  make: ({ baseUrl }, apiKey) => anthropic({ baseUrl, apiKey, id: "claude-sonnet-5-5" }),
  countsReasoning: false,
  mayOmitUsage: true,
});
modelContract("google", {
  make: ({ origin }, apiKey) => google({ baseUrl: `${origin}/v1beta`, apiKey, id: "gemini-3.5-flash" }),
});
modelContract("openrouter", {
  make: ({ baseUrl }, apiKey) => openrouter({ baseUrl, apiKey, id: "openai/gpt-6-luna" }),
});
