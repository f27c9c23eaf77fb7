/** The conversation stores, on disk and in memory, against the contract. */
import { conversationStoreContract } from "../testing/contracts/conversation-store.ts";
import { memoryConversations, sqliteConversations } from "./conversations.ts";

conversationStoreContract("the embedded conversation store", {
  open: (directory) => sqliteConversations({ directory }),
  durable: { module: import.meta.resolve("./conversations.ts"), factory: "sqliteConversations" },
});

conversationStoreContract("the conversation store in memory", { open: async () => memoryConversations() });
