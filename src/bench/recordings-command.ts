/** placeholder */
export async function recordingsCommand(_flags: {
  data: string;
  sandbox: "wasm" | "native";
}): Promise<number> {
  return 0;
}
