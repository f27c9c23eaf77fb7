/** The public subpath `unabridged/testing`: stand-ins for what a test has no access to. */
export {
  startFakeProvider,
  type CallInfo,
  type FakeProvider,
  type FakeProviderOptions,
  type Reply,
} from "./fake-provider.ts";
export { faults, type FakeReply, type FakeRequest } from "./fake-reply.ts";
export { jobStoreContract, type JobStoreUnderTest } from "./contracts/job-store.ts";
export {
  conversationStoreContract,
  type ConversationStoreUnderTest,
} from "./contracts/conversation-store.ts";
export { modelContract, type ModelContract } from "./contracts/model.ts";
export { storeContract, type StoreUnderTest } from "./contracts/store.ts";
export {
  code,
  costing,
  scriptedModel,
  type FixedStep,
  type ScriptedFacts,
  type ScriptedModel,
  type ScriptedReply,
  type Step,
} from "./scripted-model.ts";
