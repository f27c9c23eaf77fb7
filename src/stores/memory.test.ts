/** The store in memory against the contract. */
import { storeContract } from "../testing/contracts/store.ts";
import { memoryStore } from "./memory.ts";

storeContract("the store in memory", { open: async () => memoryStore() });
