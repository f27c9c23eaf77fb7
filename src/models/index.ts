/** The public subpath `unabridged/models`: models at a provider, behind the port Model. */
export { catalogue, knownModel, type KnownModel, type Vendor } from "./catalogue.ts";
export { fromAiSdk, type AiSdkModel, type ModelFacts } from "./from-ai-sdk.ts";
export {
  anthropic,
  google,
  openai,
  openaiCompatible,
  openrouter,
  type OpenAiCompatibleOptions,
  type ProviderOptions,
  type VendorOptions,
} from "./providers.ts";
