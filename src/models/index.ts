/** The public subpath `unabridged/models`: models at a provider, behind the port Model. */
export { fromAiSdk, type AiSdkModel, type ModelFacts } from "./from-ai-sdk.ts";
export { openaiCompatible, type OpenAiCompatibleOptions, type ProviderOptions } from "./providers.ts";
