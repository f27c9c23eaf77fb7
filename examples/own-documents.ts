/** Asks over documents that a program holds, with a function of its own that cells can call. */
import { createEngine, type AskTool } from "../src/index.ts";

const tickets = [
  { title: "T-1", text: "The export fails with a timeout since Monday.", metadata: { customer: "c7" } },
  { title: "T-2", text: "How do I change my password?", metadata: { customer: "c9" } },
];
const plan: AskTool = {
  name: "plan_of",
  description: 'plan_of(customer): the plan of a customer, for instance plan_of("c7")',
  run: async () => "enterprise",
};
const engine = createEngine();
const run = engine.ask({
  query: "Which enterprise customers have a defect?",
  context: tickets,
  tools: [plan],
});
console.log((await run.result()).answer);
await engine.close();
