/** placeholder */
export async function reportCommand(_ids: readonly string[], _out: string): Promise<number> {
  return 0;
}
