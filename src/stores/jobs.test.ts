/** The embedded and the in-memory job store against the contract. */
import { jobStoreContract } from "../testing/contracts/job-store.ts";
import { memoryJobs } from "./jobs-memory.ts";
import { sqliteJobs } from "./jobs.ts";

jobStoreContract("the embedded job store", { open: (directory) => sqliteJobs({ directory }) });
jobStoreContract("the job store in memory", { open: async () => memoryJobs() });
