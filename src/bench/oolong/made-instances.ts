/** Questions of our own in the six kinds of OOLONG's TREC split, for windows without licensed data. As data: patterns times words. */

const people = words(
  "the baker, the first keeper of the lighthouse, the ferryman, the author of the harbour song, the mayor, the clockmaker, the captain of the Aurora, the founder of the night school",
);
const places = words(
  "Harwick, Elmsford, Port Anse, Lower Dunmore, Saltby, Norrland Bay, Quarry Hill, the Isle of Carn",
);
const things = words(
  "a brass kettle, the town clock, a rowing boat, the old mill wheel, a barometer, the church organ, a cider press, the tide bell",
);
const ideas = words(
  "leap years, low tide, rust, tacit consent, double entry, grafting, dead reckoning, the harvest levy",
);
const letters = words("TBH, RNL, OQC, PSF, MKD, LRA, VHC, SDW");

const patterns: Readonly<Record<string, readonly (readonly [pattern: string, words: readonly string[]])[]>> =
  {
    "numeric value": [
      ["How many people live in {} ?", places],
      ["What year was {} built ?", things],
      ["How much does {} weigh ?", things],
      ["How old was {} in the year of the flood ?", people],
      ["How far is {} from the coast ?", places],
    ],
    "human being": [
      ["Who founded {} ?", places],
      ["Who was {} ?", people],
      ["Who repaired {} ?", things],
      ["What man first explained {} ?", ideas],
    ],
    location: [
      ["Where is {} ?", places],
      ["Where can {} be seen today ?", things],
      ["What town did {} come from ?", people],
      ["What river runs through {} ?", places],
    ],
    entity: [
      ["What animal is on the arms of {} ?", places],
      ["What is {} made of ?", things],
      ["What instrument did {} play ?", people],
      ["What dish is {} famous for ?", places],
    ],
    "description and abstract concept": [
      ["What is {} ?", ideas],
      ["Why does {} matter ?", ideas],
      ["How does {} work ?", things],
      ["What does it mean that {} was called honest ?", people],
    ],
    abbreviation: [
      ["What does {} stand for ?", letters],
      ["What is the full form of {} ?", letters],
      ["{} is the abbreviation for what ?", letters],
    ],
  };

const endings: readonly string[] = [
  "",
  " , roughly",
  " , by most accounts",
  " , in the old records",
  " , as the almanac has it",
];

export const madeInstances: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(patterns).map(([label, rows]) => [
    label,
    rows.flatMap(([pattern, list]) =>
      list.flatMap((word) => endings.map((end) => pattern.replace("{}", word).replace(/ \?$/, `${end} ?`))),
    ),
  ]),
);

function words(list: string): readonly string[] {
  return list.split(", ");
}
