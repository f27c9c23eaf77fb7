/** The public subpath `unabridged/testing`: stand-ins for what a test has no access to. */
export {
  faults,
  startFakeProvider,
  type CallInfo,
  type FakeProvider,
  type FakeProviderOptions,
  type FakeReply,
  type FakeRequest,
  type Reply,
} from "./fake-provider.ts";
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
